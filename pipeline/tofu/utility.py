"""Model utility: one number for what a model still knows outside the forget split.

The harmonic mean of nine means, {retain, real authors, world facts} x {ROUGE-L recall, probability, truth ratio}
(Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs", 2024, section 2.2). It is low as soon as one of them is, and
0 where one is 0.

- ROUGE-L recall of the right answer in the generated one.
- Probability of the right answer, exp(-mean token loss); for real authors and world facts its share among all answers of the
  question, p_right / (p_right + sum of p_wrong), as in a multiple-choice question.
- Truth ratio in its retain form, max(0, 1 - R), by either definition of R (``pipeline.tofu.truth_ratio``). On one model the two
  model utilities differ by about 0.04, so the result names its own: "geometric" is the released code's and OpenUnlearning's,
  "arithmetic" the paper's.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.tofu.truth_ratio import Combination, retain_form, truth_ratios

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

SPLITS = ("retain", "real_authors", "world_facts")
AMONG_ANSWERS = ("real_authors", "world_facts")  # splits whose probability is a share among the answers


@dataclass(frozen=True)
class SplitScores:
    """What a model made of the questions of one split, an entry a question. Losses are means over tokens, in nats."""

    rouge_l_recall: Sequence[float]
    answer_losses: Sequence[float]
    paraphrased_losses: Sequence[float]  # the answer's own where a question has no paraphrase
    perturbed_losses: Sequence[Sequence[float]]


@dataclass(frozen=True)
class ModelUtility:
    """Model utility, the nine means it comes from, and the definition of the truth ratio in them."""

    value: float
    means: dict[str, dict[str, float]]  # {split: {rouge_l_recall, probability, truth_ratio}}
    combination: Combination


def answer_probabilities(answer_losses: "ArrayLike") -> "NDArray[np.float64]":
    """exp(-loss) row by row: the probability of an answer, normalised by its length."""
    import numpy as np

    return np.exp(-np.asarray(answer_losses, dtype=np.float64))


def shares_among_answers(answer_losses: Sequence[float], perturbed_losses: Sequence[Sequence[float]]) -> "NDArray[np.float64]":
    """p_right / (p_right + sum of p_wrong) row by row, p = exp(-loss); 1 for a question with no wrong answers.

    Raises ValueError, with the row, where no answer has any probability or a loss is not a number.
    """
    import numpy as np

    shares = np.empty(len(answer_losses), dtype=np.float64)
    for row, (right, wrong) in enumerate(zip(answer_losses, perturbed_losses, strict=True)):
        logprobs = -np.asarray([right, *wrong], dtype=np.float64)
        with np.errstate(invalid="ignore"):
            shares[row] = np.exp(logprobs[0] - np.logaddexp.reduce(logprobs))
        if np.isnan(shares[row]):
            raise ValueError(
                f"row {row}: no share among answers of losses {[right, *wrong]}; at least one must be finite, and none NaN"
            )
    return shares


def harmonic_mean(values: Sequence[float]) -> float:
    """n / sum(1 / value), and its limit 0 where a value is 0. Raises ValueError for no values or one below 0 or NaN."""
    if len(values) == 0 or not all(value >= 0 for value in values):
        raise ValueError(f"a harmonic mean needs numbers of 0 or more, got {list(values)}")
    return statistics.harmonic_mean(values)


def split_means(scores: SplitScores, combination: Combination, *, among_answers: bool) -> dict[str, float]:
    """The means of one split: rouge_l_recall, probability (a share where ``among_answers``) and truth_ratio (retain form).

    Raises ValueError for a split without questions or with columns of unequal length.
    """
    import numpy as np

    questions = len(scores.rouge_l_recall)
    lengths = (questions, len(scores.answer_losses), len(scores.paraphrased_losses), len(scores.perturbed_losses))
    if questions == 0 or len(set(lengths)) > 1:
        raise ValueError(f"a split needs questions, and all its columns one length; their lengths are {lengths}")
    probabilities = (
        shares_among_answers(scores.answer_losses, scores.perturbed_losses)
        if among_answers
        else answer_probabilities(scores.answer_losses)
    )
    ratios = truth_ratios(scores.paraphrased_losses, scores.perturbed_losses, combination)
    return {
        "rouge_l_recall": float(np.mean(np.asarray(scores.rouge_l_recall, dtype=np.float64))),
        "probability": float(probabilities.mean()),
        "truth_ratio": float(retain_form(ratios).mean()),
    }


def model_utility(splits: Mapping[str, SplitScores], combination: Combination) -> ModelUtility:
    """Model utility from the scores of the three splits. Raises ValueError when ``splits`` are not those three."""
    if set(splits) != set(SPLITS):
        raise ValueError(f"model utility is over the splits {', '.join(SPLITS)}; got {', '.join(splits) or 'none'}")
    means = {split: split_means(splits[split], combination, among_answers=split in AMONG_ANSWERS) for split in SPLITS}
    return ModelUtility(harmonic_mean([mean for split in means.values() for mean in split.values()]), means, combination)
