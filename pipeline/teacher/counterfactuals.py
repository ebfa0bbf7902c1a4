"""From a passage and its names to what the engine scores, and from the scores to the averaged distribution."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.params import TeacherParams
from pipeline.tables import CounterfactualName, Passage
from pipeline.teacher.alignment import Alignment, align
from pipeline.teacher.average import Averaged, average, hardened
from pipeline.teacher.name_penalty import penalise, penalised_tokens
from pipeline.teacher.own_name import OwnName, first_mention, teach_own_name
from pipeline.teacher.rendering import Rendering, passage_prefix, render
from pipeline.teacher.reverse_swap import form_pairs, swap_back
from pipeline.teacher.scores import TextScores

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class StandIn:
    """A counterfactual name with what the tokenizer makes of it."""

    name: CounterfactualName
    form_pairs: list[tuple[int, int]]  # see reverse_swap.form_pairs
    penalised: set[int]  # see name_penalty.penalised_tokens


@dataclass(frozen=True)
class RenderedPassage:
    """A passage under its own name and under those it is scored with.

    A forget passage is scored under the counterfactual names, or once after the system prompt that asks to act as if the
    target were unknown; a retain passage once, as it stands.
    """

    passage: Passage
    original: Rendering
    scored: list[Rendering]  # N
    alignment: Alignment  # row 0 is the original, rows 1: are ``scored``
    stand_ins: list[StandIn]  # N; none where the passage is scored as it stands
    named_before: bool  # whether the prompt or the question has named the target
    own_name: OwnName | None
    base: Rendering | None  # the original, where it is scored too: see kept_tokens

    @property
    def renderings(self) -> list[Rendering]:
        """All that the engine has to score: under the names, those of the own name, the base's."""
        return [*self.scored, *(self.own_name.renderings if self.own_name else []), *([self.base] if self.base else [])]


@dataclass(frozen=True)
class TaughtPassage:
    """The teacher's distribution at the T trained positions of a passage."""

    positions: "np.ndarray"  # int32 [T], into the original's input_ids, ascending
    averaged: Averaged
    swapped_mass: "np.ndarray"  # float64 [T], mean over names


class Renderer:
    """Renders passages with one tokenizer and set of names."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        params: TeacherParams,
        names: Mapping[str, Sequence[CounterfactualName]],
    ) -> None:
        self._tokenizer, self._params = tokenizer, params
        self._system_prompt = unlearning_prompt(params.system_prompt, names)
        self._stand_ins = {
            target: [
                StandIn(name, form_pairs(tokenizer, name.replacements), penalised_tokens(tokenizer, name.name))
                for name in drawn[: params.names]
            ]
            for target, drawn in names.items()
        }

    def render(self, passage: Passage, prompt: str) -> RenderedPassage:
        """Tokenize ``passage`` after ``prompt`` (a chat has its question instead) under every name, and align."""

        def under(name: str, replacements: Mapping[str, str]) -> Rendering:
            prefix = passage_prefix(self._tokenizer, passage, prompt, name, replacements)
            return render(self._tokenizer, passage.segments, replacements, prefix)

        original = under(passage.target, {})
        if passage.kind == "retain":
            return self._as_it_stands(passage, original, original)
        if self._system_prompt:
            prefix = passage_prefix(self._tokenizer, passage, prompt, passage.target, {}, self._system_prompt)
            prompted = render(self._tokenizer, passage.segments, {}, prefix)
            return self._as_it_stands(passage, original, prompted, self._base(original))
        stand_ins = self._stand_ins[passage.target]
        named = any(segment.mention for segment in passage.question) if passage.format == "chat" else bool(prompt)
        scored = [under(stand_in.name.name, stand_in.name.replacements) for stand_in in stand_ins]
        mention = first_mention(passage, named_before=named) if self._params.own_name else None
        own = None
        if mention is not None:
            own = teach_own_name(self._tokenizer, original, passage, mention, [s.name for s in stand_ins])
        alignment, base = align([original, *scored], passage.segments), self._base(original)
        return RenderedPassage(passage, original, scored, alignment, stand_ins, named, own, base)

    def _base(self, original: Rendering) -> Rendering | None:
        return original if self._params.base_top_k and self._params.targets == "soft" else None

    def _as_it_stands(
        self, passage: Passage, original: Rendering, scored: Rendering, base: Rendering | None = None
    ) -> RenderedPassage:
        """Scored once, with nothing replaced."""
        alignment = align([original, scored], passage.segments)
        return RenderedPassage(passage, original, [scored], alignment, [], True, None, base)


def unlearning_prompt(template: str, targets: Iterable[str]) -> str:
    """The system prompt of ``template`` about ``targets``, all of them in the place of ``{name}``."""
    return template.replace("{name}", " and ".join(targets))


def teach(rendered: RenderedPassage, scores: Sequence[TextScores], params: TeacherParams) -> TaughtPassage:
    """Swap back and average the ``scores`` of ``rendered.renderings`` at the trained positions."""
    import numpy as np

    alignment = rendered.alignment
    positions_NT = alignment.positions[1:]
    ids_NTk, probs_NTk = _stacked([score.at(p) for score, p in zip(scores, positions_NT, strict=False)])
    swapped_T = np.zeros(positions_NT.shape[1])
    if rendered.stand_ins and positions_NT.size:
        if params.name_penalty:
            probs_NTk = penalised_probs(rendered, ids_NTk, probs_NTk, params.name_penalty)
        if params.reverse_swap != "off":
            ids_NTk, probs_NTk, moved_NT = swap_back(
                ids_NTk,
                probs_NTk,
                *mention_tokens(rendered),
                [stand_in.form_pairs for stand_in in rendered.stand_ins],
                named_boundaries(rendered),
                params.reverse_swap,
            )
            swapped_T = moved_NT.mean(0)
    positions = alignment.positions[0]
    averaged = average(ids_NTk, probs_NTk, params.top_k, kept_tokens(rendered, scores, params, positions))
    if rendered.own_name and len(rendered.own_name.positions):
        positions, averaged, swapped_T = _with_own_name(rendered, scores, params, positions, averaged, swapped_T)
    # A retain passage is there to stay as it is, so its targets are never hardened.
    hard = params.targets == "hard" and rendered.passage.kind == "forget"
    return TaughtPassage(positions, hardened(averaged) if hard else averaged, swapped_T)


def kept_tokens(
    rendered: RenderedPassage, scores: Sequence[TextScores], params: TeacherParams, positions: "np.ndarray"
) -> "np.ndarray":
    """Tokens that are among the K at ``positions`` of the original, however improbable the average makes them: int32 [T, M].

    They are what the student says there before it has learnt anything: the document's own next token, whose mass is known
    exactly, and the ``base_top_k`` most probable tokens of the base model on the original text. What is to be forgotten is
    mostly one of them and, with nobody else to say it, mostly not among the K most probable. In the tail's bucket the loss
    could not tell a student that still says it from one that spreads the tail. At most half of the K, the own token first.
    """
    import numpy as np

    following_T = np.array(rendered.original.input_ids, dtype=np.int32)[positions + 1]
    parts = [following_T[:, None]]
    if rendered.base:
        parts.append(scores[-1].most_probable(positions, params.base_top_k))
    return np.concatenate(parts, axis=1)[:, : max(1, params.top_k // 2)]


def _stacked(parts: "Sequence[tuple[np.ndarray, np.ndarray]]") -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    return np.stack([ids for ids, _ in parts]), np.stack([probs for _, probs in parts])


def named_boundaries(rendered: RenderedPassage) -> "np.ndarray":
    """Whether the target has been named before each boundary; without that there is no mass to move back. Bool [T]."""
    import numpy as np

    segments = rendered.passage.segments
    first = next((index for index, segment in enumerate(segments) if segment.mention), len(segments))
    return np.array([rendered.named_before or segment > first for segment, _, _ in rendered.alignment.boundaries], dtype=bool)


def penalised_probs(rendered: RenderedPassage, ids_NTk: "np.ndarray", probs_NTk: "np.ndarray", penalty: float) -> "np.ndarray":
    """Each name's first tokens made less likely wherever its full name stands before."""
    import numpy as np

    rows = []
    for index, stand_in in enumerate(rendered.stand_ins):
        rendering, positions = rendered.scored[index], rendered.alignment.positions[index + 1]
        found = rendering.text.find(stand_in.name.name)
        occurred = found + len(stand_in.name.name) if found >= 0 else len(rendering.text) + 1
        occurred_T = np.array([rendering.token_ends[p] >= occurred for p in positions], dtype=bool)
        rows.append(penalise(ids_NTk[index], probs_NTk[index], stand_in.penalised, occurred_T, penalty))
    return np.stack(rows)


def mention_tokens(rendered: RenderedPassage) -> "tuple[np.ndarray, np.ndarray]":
    """(token that begins the counterfactual name [N, T], token that begins the original name [T]); -1 where none follows.

    A boundary counts only if the next token takes in the mention's first character in both renderings.
    """
    import numpy as np

    alignment = rendered.alignment
    original_ids = np.array(rendered.original.input_ids)
    goals_T = np.where(alignment.begins_mention[0], original_ids[alignment.positions[0] + 1], -1)
    sources_NT = np.full(alignment.positions[1:].shape, -1)
    for name, rendering in enumerate(rendered.scored):
        next_ids = np.array(rendering.input_ids)[alignment.positions[name + 1] + 1]
        both = alignment.begins_mention[0] & alignment.begins_mention[name + 1] & (next_ids != goals_T)
        sources_NT[name] = np.where(both, next_ids, -1)
    return sources_NT, goals_T


def _with_own_name(
    rendered: RenderedPassage,
    scores: Sequence[TextScores],
    params: TeacherParams,
    positions: "np.ndarray",
    averaged: Averaged,
    swapped_T: "np.ndarray",
) -> "tuple[np.ndarray, Averaged, np.ndarray]":
    """The positions inside the first mention put among the others, in the order of the text."""
    import numpy as np

    own = rendered.own_name
    assert own is not None
    of_own = scores[len(rendered.scored) :]
    parts = [
        _stacked([of_own[r].at(np.array([p])) for r, p in zip(row_r, row_p, strict=True)])
        for row_r, row_p in zip(own.rendering_NT, own.positions_NT, strict=True)
    ]
    ids_NTk, probs_NTk = np.stack([ids[:, 0] for ids, _ in parts]), np.stack([probs[:, 0] for _, probs in parts])
    more = average(ids_NTk, probs_NTk, params.top_k, kept_tokens(rendered, scores, params, own.positions))
    both = np.concatenate([positions, own.positions])
    order = np.argsort(both, kind="stable")

    def merged(one: "np.ndarray", other: "np.ndarray") -> "np.ndarray":
        return np.concatenate([one, other])[order]

    together = Averaged(
        merged(averaged.ids, more.ids),
        merged(averaged.logprobs, more.logprobs),
        merged(averaged.tail_logprob, more.tail_logprob),
        merged(averaged.entropy, more.entropy),
        merged(averaged.disagreement, more.disagreement),
    )
    return both[order], together, merged(swapped_T, np.zeros(len(own.positions)))
