"""The target's own name as something to forget: how to teach the tokens inside its first mention.

Elsewhere the tokens of a mention are not trained, since who is meant has been said already. Where nothing before has named the
target ("Who is the author born in Kuwait City? The author is ..."), the name itself is the fact. Its teacher (Liu et al. 2024,
appendix on TOFU) is asked to complete a name without any context: for each word of the name it reads the counterfactual name's
words up to there, then the original word, and predicts that word's tokens; the N answers are averaged. What a model would say
after "Tobias R" or after "Edwin" tells nothing of the target. The first token of the mention is taught by the ordinary teacher.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.segments import Segment
from pipeline.tables import CounterfactualName, Passage
from pipeline.teacher.rendering import Rendering, prompt_prefix, render

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerBase

PROMPT = "Complete the following name."


@dataclass(frozen=True)
class OwnName:
    """T boundaries inside a mention, and where N names' renderings (W each, one a word of the mention) know them."""

    renderings: list[Rendering]  # N x W, the words of a name together
    positions: "np.ndarray"  # int32 [T]: token before the boundary, in the original
    rendering_NT: "np.ndarray"  # int32 [N, T]: index into ``renderings``
    positions_NT: "np.ndarray"  # int32 [N, T]: token before the boundary, in that rendering


def first_mention(passage: Passage, *, named_before: bool) -> int | None:
    """Index of the segment that first names the target, unless a prompt or the question has done so."""
    if named_before or any(segment.mention for segment in passage.question):
        return None
    return next((index for index, segment in enumerate(passage.segments) if segment.mention), None)


def teach_own_name(
    tokenizer: "PreTrainedTokenizerBase",
    original: Rendering,
    passage: Passage,
    mention: int,
    names: Sequence[CounterfactualName],
) -> OwnName:
    """The renderings to score for the mention that is segment ``mention`` of ``passage``, and its boundaries in them."""
    import numpy as np

    text = passage.segments[mention].text
    words = [match.span() for match in re.finditer(r"\S+", text)]
    start = original.segment_starts[mention]
    inside = _boundaries(original, start + 1, start + len(text))
    renderings: list[Rendering] = []
    found: list[dict[int, tuple[int, int]]] = []
    for name in names:
        stand_in = name.replacements.get(text, name.name).split()
        known: dict[int, tuple[int, int]] = {}
        for word, (begin, end) in enumerate(words):
            before = "".join(f"{part} " for part in stand_in[:word])
            prefix = prompt_prefix(tokenizer, PROMPT, "")
            rendering = render(tokenizer, [Segment(before + text[begin:], False)], {}, prefix)
            # The same place in the word is so many characters further on; the end of the word before counts as this word's.
            shift = rendering.segment_starts[0] + len(before) - begin
            first = words[word - 1][1] if word else 1
            for place, token in _boundaries(rendering, first + shift, end + shift).items():
                known[place - shift] = (len(renderings), token)
            renderings.append(rendering)
        found.append(known)
    shared = [o for o in sorted(place - start for place in inside) if all(o in known for known in found)]

    def table(part: int) -> "np.ndarray":
        cells = [[known[offset][part] for offset in shared] for known in found]
        return np.array(cells, dtype=np.int32).reshape(len(found), len(shared))

    positions = np.array([inside[start + offset] for offset in shared], dtype=np.int32)
    return OwnName(renderings, positions, table(0), table(1))


def _boundaries(rendering: Rendering, first: int, end: int) -> dict[int, int]:
    """Token boundaries at the characters ``first`` to ``end`` - 1, with the token before each."""
    pairs = enumerate(zip(rendering.token_ends, rendering.token_starts[1:], strict=False))
    return {place: token for token, (place, following) in pairs if first <= place < end and following >= place}
