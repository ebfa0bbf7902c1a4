"""Alignment by characters: which boundaries between tokens all renderings of a passage share.

A boundary is known by (segment, character offset in it), which survives the renaming; token lists are never compared. It is
trained when every rendering has a token boundary there and it does not lie inside a mention. The boundary after the last
token of a passage is left out: no token follows it.

A character split over several tokens (Chinese, in most byte-level vocabularies) has boundaries inside it as well: they are
known by the tokens that are left of it, so they are shared only where every rendering finishes the character alike. To train
only after its last token would teach the first byte of each character and leave the others, which tell it apart.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.teacher.rendering import Rendering
from pipeline.text.segments import Segment

Boundary = tuple[int, int, tuple[int, ...]]  # segment, offset of the end of the last begun character, tokens left of it


@dataclass(frozen=True)
class Alignment:
    """Where the T trained boundaries of a passage lie in its R renderings (the original first)."""

    boundaries: list[Boundary]  # T, in the order of the text
    positions: np.ndarray  # int32 [R, T]: index of the token before the boundary
    begins_mention: np.ndarray  # bool [R, T]: the token after the boundary takes in a mention's first character


def boundaries(rendering: Rendering, segments: Sequence[Segment]) -> dict[Boundary, int]:
    """Every boundary of ``rendering`` outside mentions that a trained text follows, with the index of the token before it.

    The end of the prefix counts as the beginning of the first segment. Where a literal meets a mention, the place belongs
    to the literal; between two mentions, to the second.
    """
    starts, ends = rendering.segment_starts, rendering.token_ends
    found: dict[Boundary, int] = {}
    for position, end in enumerate(ends[:-1]):
        after = _end_of_character(rendering, position)
        left = tuple(rendering.input_ids[position + 1 : after])
        if after == len(ends):
            inside = end == starts[-1] and bool(left)
        else:
            inside = end < starts[-1] and rendering.token_starts[after] >= end and ends[after] > end
        if not inside or end < starts[0] or (left and end == starts[0]):
            continue
        segment = bisect_right(starts, end - 1 if left else end) - 1
        offset = end - starts[segment]
        if offset == 0 and segment > 0 and not segments[segment - 1].mention:
            segment, offset = segment - 1, end - starts[segment - 1]
        next_end = ends[position + 1]
        if segments[segment].mention and offset > 0:
            continue
        if segments[bisect_right(starts, next_end - 1) - 1].trained:
            found[segment, offset, left] = position
    return found


def _end_of_character(rendering: Rendering, position: int) -> int:
    """Index of the first token after ``position`` that no longer belongs to the character with which it ends."""
    end, after = rendering.token_ends[position], position + 1
    while after < len(rendering.token_ends) and rendering.token_starts[after] < end == rendering.token_ends[after]:
        after += 1
    return after


def literal_tokens(rendering: Rendering, segments: Sequence[Segment]) -> np.ndarray:
    """Which tokens belong to the passage's literal text: they end after the prefix and outside every mention. Bool [L]."""
    starts = rendering.segment_starts
    literal = [end > starts[0] and not segments[bisect_right(starts, end - 1) - 1].mention for end in rendering.token_ends]
    return np.array(literal, dtype=bool)


def _begins_mention(rendering: Rendering, segments: Sequence[Segment], position: int) -> bool:
    """Whether the token after ``position`` takes in the first character of a mention."""
    starts, ends = rendering.segment_starts, rendering.token_ends
    begun = segments[bisect_left(starts, ends[position]) : bisect_left(starts, ends[position + 1])]
    return any(segment.mention for segment in begun)


def align(renderings: Sequence[Rendering], segments: Sequence[Segment]) -> Alignment:
    """The boundaries that all ``renderings`` of the same ``segments`` share."""
    found = [boundaries(rendering, segments) for rendering in renderings]
    shared = sorted(set(found[0]).intersection(*found[1:]), key=found[0].__getitem__)
    positions = [[places[boundary] for boundary in shared] for places in found]
    begins = [[_begins_mention(r, segments, p) for p in row] for r, row in zip(renderings, positions, strict=True)]
    return Alignment(shared, np.array(positions, dtype=np.int32), np.array(begins, dtype=bool))
