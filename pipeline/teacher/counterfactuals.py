"""From a passage and its names to what the engine scores, and from the scores to the averaged distribution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.engines.interface import Scores
from pipeline.params import TeacherParams
from pipeline.tables import CounterfactualName, Passage
from pipeline.teacher.alignment import Alignment, align
from pipeline.teacher.average import Averaged, average
from pipeline.teacher.rendering import Rendering, prompt_prefix, render
from pipeline.teacher.reverse_swap import form_pairs, swap_back

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class RenderedPassage:
    """A passage under its own name and under those it is scored with.

    A forget passage is scored under the counterfactual names, a retain passage once, as it stands.
    """

    passage: Passage
    original: Rendering
    scored: list[Rendering]  # N
    alignment: Alignment  # row 0 is the original, rows 1: are ``scored``
    form_pairs: list[list[tuple[int, int]]]  # N


@dataclass(frozen=True)
class TaughtPassage:
    """The teacher's distribution at the T trained positions of a passage."""

    positions: "np.ndarray"  # int32 [T], into the original's input_ids
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
        self._tokenizer = tokenizer
        self._names = {target: list(drawn[: params.names]) for target, drawn in names.items()}
        self._pairs = {
            target: [form_pairs(tokenizer, name.replacements) for name in drawn] for target, drawn in self._names.items()
        }

    def render(self, passage: Passage, prompt: str) -> RenderedPassage:
        """Tokenize ``passage`` after ``prompt`` under the original name and all it is scored with, and align them."""

        def under(name: str, replacements: Mapping[str, str]) -> Rendering:
            prefix = prompt_prefix(self._tokenizer, prompt, name)
            return render(self._tokenizer, passage.segments, replacements, prefix)

        original = under(passage.target, {})
        if passage.kind == "retain":
            return RenderedPassage(passage, original, [original], align([original, original], passage.segments), [[]])
        scored = [under(name.name, name.replacements) for name in self._names[passage.target]]
        alignment = align([original, *scored], passage.segments)
        return RenderedPassage(passage, original, scored, alignment, self._pairs[passage.target])


def teach(rendered: RenderedPassage, scores: Sequence[Scores], params: TeacherParams) -> TaughtPassage:
    """Swap back and average the N ``scores`` of ``rendered`` (one a scored rendering) at its trained positions."""
    import numpy as np

    alignment = rendered.alignment
    positions_NT = alignment.positions[1:]
    ids_NTk = np.stack([s.top_ids[p] for s, p in zip(scores, positions_NT, strict=True)])
    probs_NTk = np.exp(np.stack([s.top_logprobs[p] for s, p in zip(scores, positions_NT, strict=True)]).astype(np.float64))
    swapped_T = np.zeros(positions_NT.shape[1])
    if rendered.passage.kind == "forget" and params.reverse_swap == "published" and positions_NT.size:
        sources_NT, goals_T = _mention_tokens(rendered)
        first_mention = next((i for i, s in enumerate(rendered.passage.segments) if s.mention), len(rendered.passage.segments))
        named_T = np.array([bool(params.prompts) or segment > first_mention for segment, _ in alignment.boundaries])
        ids_NTk, probs_NTk, moved_NT = swap_back(ids_NTk, probs_NTk, sources_NT, goals_T, rendered.form_pairs, named_T)
        swapped_T = moved_NT.mean(0)
    return TaughtPassage(alignment.positions[0], average(ids_NTk, probs_NTk, params.top_k), swapped_T)


def _mention_tokens(rendered: RenderedPassage) -> "tuple[np.ndarray, np.ndarray]":
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
