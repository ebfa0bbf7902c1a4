"""A question and its answer as the model reads them, up to the token that ends an answer.

TOFU's released code learns and scores an answer with the end-of-sequence token after it (Maini et al., 2024): a model that
never learnt it would not stop. Losses and probabilities of the benchmark count that token; metrics by token do not.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.evaluate.multiple_choice import answer_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class AnswerTokens:
    """The asked question, then the answer from index ``start`` on, then the end-of-sequence token."""

    input_ids: tuple[int, ...]
    start: int

    @property
    def learnt(self) -> int:
        """How many tokens are learnt or scored: the answer's and the one that ends it."""
        return len(self.input_ids) - self.start


def ended_answer(tokenizer: "PreTrainedTokenizerBase", question: str, answer: str) -> AnswerTokens:
    """``question`` asked through the chat template and ``answer`` given and ended.

    Raises InputError for an empty answer, or a tokenizer without an end-of-sequence token.
    """
    if not answer.strip():
        raise InputError(f"the question {question!r} has an empty answer; give it one.")
    if tokenizer.eos_token_id is None:
        raise InputError("the model's tokenizer has no end-of-sequence token; name it in tokenizer_config.json (eos_token).")
    ids, start = answer_tokens(tokenizer, question, answer)
    return AnswerTokens((*ids, int(tokenizer.eos_token_id)), start)
