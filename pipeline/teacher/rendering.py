"""How a passage reads under a name: the prompt prefix, then the segments with every mention replaced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.segments import Segment, rename
from pipeline.tokenizer import before_text, instruction_prefix, tokenize

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Rendering:
    """A passage under one name, tokenized.

    ``segment_starts[s]`` is the character where segment s begins; one more entry gives the end of the text. The prompt
    prefix takes the characters before ``segment_starts[0]``.
    """

    text: str
    segment_starts: tuple[int, ...]
    input_ids: list[int]
    token_ends: list[int]  # character offset at which each token ends

    @property
    def prefix_length(self) -> int:
        """Number of tokens that belong to the prompt prefix."""
        return sum(end <= self.segment_starts[0] for end in self.token_ends)


def prompt_prefix(tokenizer: "PreTrainedTokenizerBase", prompt: str, name: str) -> str:
    """The text before a passage about ``name``; with an empty ``prompt`` only what the tokenizer puts before any text."""
    if not prompt:
        return before_text(tokenizer)
    return instruction_prefix(tokenizer, prompt.replace("{name}", name))


def render(
    tokenizer: "PreTrainedTokenizerBase",
    segments: Sequence[Segment],
    replacements: Mapping[str, str],
    prefix: str,
) -> Rendering:
    """Render ``segments`` under ``replacements`` (empty: the original) and tokenize the whole string at once."""
    starts, text = [], prefix
    for piece in rename(segments, replacements):
        starts.append(len(text))
        text += piece
    input_ids, token_ends = tokenize(tokenizer, text)
    return Rendering(text, (*starts, len(text)), input_ids, token_ends)
