"""A model's log-probabilities of given answers, and what min-k++ needs beside them: moments over the vocabulary."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.device import pick_device
from pipeline.engines.answer_logprobs import answer_logprobs
from pipeline.errors import InputError
from pipeline.finetune.answers import AnswerTokens
from pipeline.model import load_model
from pipeline.params import RuntimeParams
from pipeline.progress import progress_bar
from pipeline.tofu.membership import vocabulary_moments

if TYPE_CHECKING:
    import numpy as np

Pair = tuple[str, str]  # a question and one of its answers


@dataclass(frozen=True)
class Moments:
    """Of the log-probability of a token drawn from the model, at each of an answer's T tokens, in nats."""

    mean_T: "np.ndarray"
    std_T: "np.ndarray"


@dataclass(frozen=True)
class AnswerScore:
    """Of an answer's T tokens; ``logprobs``, in nats, has one more at its end: the token that ends the answer."""

    logprobs: "np.ndarray"
    correct_T: "np.ndarray"  # the token is the model's most probable
    moments: Moments | None

    @property
    def loss(self) -> float:
        """Mean over all tokens, nats."""
        return float(-self.logprobs.mean())


def score_answers(
    model: Path, answers: Mapping[Pair, AnswerTokens], with_moments: Set[Pair], runtime: RuntimeParams
) -> dict[Pair, AnswerScore]:
    """The score of each of ``answers`` under the model in ``model``, in float32; moments of ``with_moments`` alone.

    Raises InputError for a model whose log-probabilities are not finite.
    """
    if not answers:
        return {}
    loaded = load_model(model, pick_device(runtime.device))
    pairs = list(answers)
    asked = [(answer.input_ids, answer.start) for answer in answers.values()]
    scores = {}
    with progress_bar(len(pairs), "answer", "score") as bar:
        for index, logprobs_TV in answer_logprobs(loaded, asked, runtime.micro_batch_tokens):
            pair = pairs[index]
            scores[pair] = _score(model, logprobs_TV.cpu().numpy(), answers[pair], pair in with_moments)
            bar.update(1)
    return scores


def _score(model: Path, logprobs_TV: "np.ndarray", answer: AnswerTokens, with_moments: bool) -> AnswerScore:
    import numpy as np

    tokens = np.asarray(answer.input_ids[answer.start :])
    logprobs = logprobs_TV[np.arange(len(tokens)), tokens].astype(np.float64)
    if not np.isfinite(logprobs).all():
        raise InputError(f"{model}: the model gives a token no finite log-probability; its weights are broken.")
    moments = Moments(*vocabulary_moments(logprobs_TV[:-1])) if with_moments else None
    return AnswerScore(logprobs, logprobs_TV[:-1].argmax(-1) == tokens[:-1], moments)
