"""A sequence to learn from: what the model reads, and which of its tokens are learnt."""

from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from pipeline.core.errors import InputError
from pipeline.text.chat import answer_tokens

Kind = Literal["forget", "retain", "alternate"]  # an alternate is to be said in a forget text's place
KINDS: tuple[Kind, ...] = ("forget", "retain", "alternate")


@dataclass(frozen=True)
class Example:
    """A sequence, of which every token from index ``start``, 1 or more, is learnt or scored; nothing predicts the first."""

    input_ids: tuple[int, ...]
    start: int
    kind: Kind = "retain"

    @property
    def learnt(self) -> int:
        """How many tokens are learnt or scored."""
        return len(self.input_ids) - self.start


def ended_answer(tokenizer: PreTrainedTokenizerBase, question: str, answer: str) -> Example:
    """``question`` asked through the chat template, and ``answer`` from ``start`` on, ended by the end-of-sequence token.

    TOFU's released code learns and scores an answer with that token after it (Maini et al., 2024): a model that never learnt it
    would not stop. Losses and probabilities of the benchmark count it; metrics by token do not.
    Raises InputError for an empty answer, or a tokenizer without an end-of-sequence token.
    """
    if not answer.strip():
        raise InputError(f"the question {question!r} has an empty answer; give it one.")
    if tokenizer.eos_token_id is None:
        raise InputError("the model's tokenizer has no end-of-sequence token; name it in tokenizer_config.json (eos_token).")
    ids, start = answer_tokens(tokenizer, question, answer)
    return Example((*ids, int(tokenizer.eos_token_id)), start)
