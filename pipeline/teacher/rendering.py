"""How a passage reads under a name: the prompt prefix, then the segments with every mention replaced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.text.chat import before_text, instruction_prefix, question_prefix, system_line
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment, rename
from pipeline.text.tokenizer import Tokenizer, tokenize


@dataclass(frozen=True)
class Rendering:
    """A passage under one name, tokenized.

    ``segment_starts[s]`` is the character where segment s begins; one more entry gives the end of the text. The prompt
    prefix takes the characters before ``segment_starts[0]``.
    """

    text: str
    segment_starts: tuple[int, ...]
    input_ids: list[int]
    token_starts: list[int]  # character offset at which each token starts
    token_ends: list[int]  # and ends

    @property
    def prefix_length(self) -> int:
        """Number of tokens that belong to the prompt prefix."""
        return sum(end <= self.segment_starts[0] for end in self.token_ends)

    @property
    def read_ids(self) -> list[int]:
        """What an engine has to read: all but the last token, which no other follows."""
        return self.input_ids[:-1] or self.input_ids

    @property
    def first_row(self) -> int:
        """The position before the first token of the text: that of the prefix's last token."""
        return max(self.prefix_length - 1, 0)


def passage_prefix(
    tokenizer: Tokenizer, passage: Passage, prompt: str, name: str, replacements: Mapping[str, str], system_prompt: str = ""
) -> str:
    """The text before ``passage`` under ``name``: a chat's question with its mentions replaced, else the prompt."""
    if passage.format == "chat":
        return question_prefix(tokenizer, "".join(rename(passage.question, replacements)), system_prompt)
    return prompt_prefix(tokenizer, prompt, name, system_prompt)


def prompt_prefix(tokenizer: Tokenizer, prompt: str, name: str, system_prompt: str = "") -> str:
    """The text before a passage about ``name``; with an empty ``prompt`` only what the tokenizer puts before any text."""
    if not prompt:
        return before_text(tokenizer) + system_line(system_prompt)
    return instruction_prefix(tokenizer, prompt.replace("{name}", name), system_prompt)


def render(tokenizer: Tokenizer, segments: Sequence[Segment], replacements: Mapping[str, str], prefix: str) -> Rendering:
    """Render ``segments`` under ``replacements`` (empty: the original) and tokenize the whole string at once."""
    starts, text = [], prefix
    for piece in rename(segments, replacements):
        starts.append(len(text))
        text += piece
    return Rendering(text, (*starts, len(text)), *tokenize(tokenizer, text))
