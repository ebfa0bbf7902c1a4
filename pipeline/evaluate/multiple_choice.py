"""Probability of the right answer among the given ones.

The log-probability of an answer is the sum over its tokens, asked through the chat template; a softmax over the answers of
one question gives the probability that the model, having to give one of them, gives the right one. Chance is 1 / answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.engines.interface import Engine
from pipeline.tokenizer import question_prefix, tokenize

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Choice:
    """A question with its answers, the right one first."""

    question: str
    answers: tuple[str, ...]


def answer_tokens(tokenizer: "PreTrainedTokenizerBase", question: str, answer: str) -> tuple[list[int], int]:
    """Ids of the asked question with ``answer`` given, and the index of the answer's first token."""
    prefix = question_prefix(tokenizer, question)
    ids, _, ends = tokenize(tokenizer, prefix + answer)
    return ids, next(index for index, end in enumerate(ends) if end > len(prefix))


@dataclass(frozen=True)
class Verdict:
    """What a model makes of a choice."""

    probability: float  # of the right answer among the given ones
    correct: bool  # the right answer is the most probable


def judge_choices(engine: Engine, tokenizer: "PreTrainedTokenizerBase", choices: Sequence[Choice]) -> list[Verdict]:
    """The model's verdict on each of ``choices``, all scored in one batch."""
    import numpy as np

    asked = [answer_tokens(tokenizer, choice.question, answer) for choice in choices for answer in choice.answers]
    scores = engine.score([ids for ids, _ in asked], top_k=0)
    # Row t of a score is about the token after t, so the answer's first token stands in row start - 1.
    sums = iter([float(s.next_logprobs[start - 1 :].sum()) for s, (_, start) in zip(scores, asked, strict=True)])
    verdicts = []
    for choice in choices:
        logprobs = np.array([next(sums) for _ in choice.answers])
        masses = np.exp(logprobs - logprobs.max())
        verdicts.append(Verdict(float(masses[0] / masses.sum()), int(masses.argmax()) == 0))
    return verdicts
