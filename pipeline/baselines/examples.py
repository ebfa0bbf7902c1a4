"""Passages as token sequences to learn from: the text as it stands, after the prompts that the teacher would put before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.baselines.params import BaselineParams
from pipeline.params import TeacherParams
from pipeline.tables import Passage
from pipeline.teacher.grouping import group_sentences
from pipeline.teacher.rendering import passage_prefix, render

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Example:
    """A sequence as the model reads it. Every token after the prefix is learnt, names and all.

    Without a prefix the first token is not: nothing predicts it.
    """

    input_ids: tuple[int, ...]
    prefix_length: int
    kind: Literal["forget", "retain"]

    @property
    def first(self) -> int:
        """Index of the first learnt token."""
        return max(self.prefix_length, 1)

    @property
    def tokens(self) -> int:
        """How many tokens are learnt."""
        return len(self.input_ids) - self.first


def make_examples(tokenizer: "PreTrainedTokenizerBase", passages: Sequence[Passage], params: BaselineParams) -> list[Example]:
    """``passages`` (sentences, chats and retain texts, as prepared) as examples, forget ones first.

    As in the teacher: a forget document is grouped by ``sentences_per_passage`` and stands once after each prompt, a retain
    document after one of them in turn, a chat after its own question. No token ends a text: that texts end is not to be
    forgotten. A text too short to have a learnt token is left out.
    """
    prompts = params.prompts or ("",)
    grouped = group_sentences(passages, TeacherParams(sentences_per_passage=params.sentences_per_passage), tokenizer)
    forget = [passage for passage in grouped if passage.kind == "forget"]
    retain = [passage for passage in grouped if passage.kind == "retain"]
    examples = [
        *(
            _example(tokenizer, passage, prompt, "forget")
            for passage in forget
            for prompt in (prompts if passage.format == "document" else ("",))
        ),
        *(_example(tokenizer, passage, prompts[i % len(prompts)], "retain") for i, passage in enumerate(retain)),
    ]
    return [example for example in examples if example.tokens > 0]


def _example(tokenizer: "PreTrainedTokenizerBase", passage: Passage, prompt: str, kind: Literal["forget", "retain"]) -> Example:
    prefix = passage_prefix(tokenizer, passage, prompt, passage.target, {})
    rendering = render(tokenizer, passage.segments, {}, prefix)
    return Example(tuple(rendering.input_ids), rendering.prefix_length, kind)
