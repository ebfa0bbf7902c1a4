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

import numpy as np

from pipeline.teacher.rendering import Rendering, prompt_prefix, render
from pipeline.text.names import CounterfactualName
from pipeline.text.segments import Segment
from pipeline.text.tokenizer import Tokenizer

PROMPT = "Complete the following name."


@dataclass(frozen=True)
class OwnName:
    """T boundaries inside a mention, and where N names' renderings (W each, one a word of the mention) know them."""

    renderings: list[Rendering]  # N x W, the words of a name together
    positions: np.ndarray  # int32 [T]: token before the boundary, in the original
    rendering_NT: np.ndarray  # int32 [N, T]: index into ``renderings``
    positions_NT: np.ndarray  # int32 [N, T]: token before the boundary, in that rendering


def teach_own_name(
    tokenizer: Tokenizer, original: Rendering, mention: int, text: str, names: Sequence[CounterfactualName]
) -> OwnName:
    """The renderings to score for the mention that is segment ``mention`` of ``original``, and its boundaries in them.

    ``text`` is how the mention is written.
    """
    words = [match.span() for match in re.finditer(r"\S+", text)]
    start = original.segment_starts[mention]
    inside = _boundaries(original, start + 1, start + len(text))
    prefix = prompt_prefix(tokenizer, PROMPT, "")
    renderings: list[Rendering] = []
    found: list[dict[int, tuple[int, int]]] = []  # of each name: {offset in the mention: rendering, token before}
    for name in names:
        stand_in = name.replacements.get(text, name.name).split()
        known: dict[int, tuple[int, int]] = {}
        for word, (begin, end) in enumerate(words):
            before = "".join(f"{part} " for part in stand_in[:word])
            rendering = render(tokenizer, [Segment(before + text[begin:], False)], {}, prefix)
            # The same place in the word is so many characters further on; the end of the word before counts as this word's.
            shift = rendering.segment_starts[0] + len(before) - begin
            first = words[word - 1][1] if word else 1
            for place, token in _boundaries(rendering, first + shift, end + shift).items():
                known[place - shift] = (len(renderings), token)
            renderings.append(rendering)
        found.append(known)
    shared = [offset for offset in sorted(place - start for place in inside) if all(offset in known for known in found)]
    cells = np.array([[known[offset] for offset in shared] for known in found], dtype=np.int32).reshape(len(found), -1, 2)
    positions = np.array([inside[start + offset] for offset in shared], dtype=np.int32)
    return OwnName(renderings, positions, cells[..., 0], cells[..., 1])


def _boundaries(rendering: Rendering, first: int, end: int) -> dict[int, int]:
    """Token boundaries at the characters ``first`` to ``end`` - 1, with the token before each."""
    pairs = enumerate(zip(rendering.token_ends, rendering.token_starts[1:], strict=False))
    return {place: token for token, (place, following) in pairs if first <= place < end and following >= place}
