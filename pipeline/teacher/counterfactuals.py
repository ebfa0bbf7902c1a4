"""A passage under its own name and under N counterfactual ones, tokenized and aligned: what the engine has to read."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.teacher.alignment import Alignment, align
from pipeline.teacher.own_name import PROMPT, OwnName, teach_own_name
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.rendering import Rendering, passage_prefix, prompt_prefix, render
from pipeline.teacher.reverse_swap import form_pairs, penalised_tokens
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment, text_of
from pipeline.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class StandIn:
    """A counterfactual name with what the tokenizer makes of it."""

    name: CounterfactualName
    form_pairs: list[tuple[int, int]]  # see reverse_swap.form_pairs
    penalised: set[int]  # see reverse_swap.penalised_tokens


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
    stand_ins: list[StandIn]  # N; none where the passage is scored under its own name
    named_before: bool  # whether the prompt or the question has named the target
    own_name: OwnName | None
    base: Rendering | None  # the original, where it is read too: see average.kept_tokens

    @property
    def renderings(self) -> list[Rendering]:
        """All that the engine has to read: under the names, those of the own name, the base's."""
        return [*self.scored, *(self.own_name.renderings if self.own_name else []), *([self.base] if self.base else [])]

    def named_T(self) -> np.ndarray:
        """Whether the target has been named before each boundary; without that there is no mass to move back. Bool [T]."""
        first = first_mention(self.passage.segments)
        return np.array([self.named_before or segment > first for segment, _, _ in self.alignment.boundaries], dtype=bool)

    def mention_tokens(self) -> tuple[np.ndarray, np.ndarray]:
        """(token that begins the counterfactual name [N, T], token that begins the original name [T]); -1 where none follows.

        A boundary counts only if the next token takes in the mention's first character in both renderings.
        """
        positions, begins = self.alignment.positions, self.alignment.begins_mention
        goals_T = np.where(begins[0], np.array(self.original.input_ids)[positions[0] + 1], -1)
        sources_NT = np.full(positions[1:].shape, -1)
        for name, rendering in enumerate(self.scored):
            next_ids = np.array(rendering.input_ids)[positions[name + 1] + 1]
            sources_NT[name] = np.where(begins[0] & begins[name + 1] & (next_ids != goals_T), next_ids, -1)
        return sources_NT, goals_T

    def occurred_NT(self) -> np.ndarray:
        """Whether each counterfactual name stands in full before each boundary. Bool [N, T]."""
        rows = []
        for stand_in, rendering, positions in zip(self.stand_ins, self.scored, self.alignment.positions[1:], strict=True):
            before, name, _ = rendering.text.partition(stand_in.name.name)
            end = len(before) + len(name) if name else np.inf
            rows.append(np.array(rendering.token_ends)[positions] >= end)
        return np.array(rows)


class Renderer:
    """Renders passages with one tokenizer and set of names."""

    def __init__(self, tokenizer: Tokenizer, params: TeacherParams, names: Mapping[str, Sequence[CounterfactualName]]) -> None:
        self._tokenizer, self._params = tokenizer, params
        self._system_prompt = unlearning_prompt(params.system_prompt, names)
        self._stand_ins = {
            target: [
                StandIn(name, form_pairs(tokenizer, name.replacements), penalised_tokens(tokenizer, name.name))
                for name in drawn[: params.names]
            ]
            for target, drawn in names.items()
        }

    def longest(self, passage: Passage, prompt: str) -> int:
        """An upper bound of the tokens of any rendering of ``passage`` after ``prompt``: a token has a byte at least."""
        stand_ins = self._stand_ins.get(passage.target, [])
        growth = max(
            (len(new.encode()) - len(form.encode()) for one in stand_ins for form, new in one.name.replacements.items()),
            default=0,
        )
        pieces = [*passage.segments, *passage.question]
        mentions = sum(piece.mention for piece in pieces) + prompt.count("{name}")
        own = passage_prefix(self._tokenizer, passage, prompt, passage.target, {}, self._system_prompt)
        text = own + "".join(piece.text for piece in passage.segments)
        bound = len(text.encode()) + max(growth, 0) * mentions
        if self._params.own_name:  # these are read after a prompt of their own
            words = max((len(piece.text.encode()) for piece in passage.segments if piece.mention), default=0)
            bound = max(bound, len(prompt_prefix(self._tokenizer, PROMPT, "").encode()) + 2 * words + max(growth, 0))
        return bound + 1  # a tokenizer may put a space of its own before a text

    def render(self, passage: Passage, prompt: str) -> RenderedPassage:
        """Tokenize ``passage`` after ``prompt`` (a chat has its question instead) under every name, and align."""
        tokenizer, params, segments = self._tokenizer, self._params, passage.segments

        def under(name: str, replacements: Mapping[str, str], system_prompt: str = "") -> Rendering:
            prefix = passage_prefix(tokenizer, passage, prompt, name, replacements, system_prompt)
            return render(tokenizer, segments, replacements, prefix)

        retain, original = passage.kind == "retain", under(passage.target, {})
        stand_ins = [] if retain or self._system_prompt else self._drawn_for(passage, prompt)
        if retain:
            scored = [original]
        elif self._system_prompt:
            scored = [under(passage.target, {}, self._system_prompt)]
        else:
            scored = [under(stand_in.name.name, stand_in.name.replacements) for stand_in in stand_ins]
        named = any(segment.mention for segment in passage.question) if passage.format == "chat" else bool(prompt)
        mention, own = first_mention(segments), None
        if params.own_name and stand_ins and not named and mention < len(segments):
            names = [stand_in.name for stand_in in stand_ins]
            own = teach_own_name(tokenizer, original, mention, segments[mention].text, names)
        base = original if params.base_top_k and params.targets == "soft" and not retain else None
        return RenderedPassage(passage, original, scored, align([original, *scored], segments), stand_ins, named, own, base)

    def _drawn_for(self, passage: Passage, prompt: str) -> list[StandIn]:
        """So many stand-ins as a passage is scored under, from a place in their order that its text and prompt decide.

        Over the passages all have their turn; a passage has the same ones wherever it stands, whatever else is scored.
        """
        known = self._stand_ins[passage.target]
        words = f"{prompt}\0{text_of((*passage.question, *passage.segments))}"
        first = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8])
        count = min(self._params.names_per_passage or len(known), len(known))
        return [known[(first + turn) % len(known)] for turn in range(count)] if count < len(known) else known


def first_mention(segments: Sequence[Segment]) -> int:
    """Index of the first of ``segments`` that is a mention; their number where none is."""
    return next((index for index, segment in enumerate(segments) if segment.mention), len(segments))


def unlearning_prompt(template: str, targets: Iterable[str]) -> str:
    """The system prompt of ``template`` about ``targets``, all of them in the place of ``{name}``."""
    return template.replace("{name}", " and ".join(targets))
