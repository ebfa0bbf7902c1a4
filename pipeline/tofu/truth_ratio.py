"""Truth ratio: how probable the wrong answers to a question are beside the right one in other words.

    R = P_wrong / P_right,  P_right = exp(-loss of the paraphrased answer)

A loss is the mean over an answer's tokens, in nats, so exp(-loss) is the probability of the answer normalised by its length.
R is near 0 for a model that knows, and near 1 for one that does not. Two definitions of P_wrong are in use:

- arithmetic, the mean of the wrong answers' probabilities: Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs"
  (2024), section 2.2;
- geometric, exp(-mean of the wrong answers' losses): the code released with that paper (aggregate_eval_stat.py), and
  OpenUnlearning (Dorna et al., 2025). Published tables rest on this one.

The arithmetic R is never the smaller. The released code writes R upside down (right / wrong) and turns it back where it takes
the mean; the values here are wrong / right throughout.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Combination = Literal["geometric", "arithmetic"]


def wrong_logprob(perturbed_losses: Sequence[float], combination: Combination) -> float:
    """log P_wrong of one question, in nats, from the losses of its wrong answers; -inf where P_wrong is 0.

    Raises ValueError for no wrong answers.
    """
    import numpy as np

    if len(perturbed_losses) == 0:
        raise ValueError("a truth ratio needs at least one wrong answer, got none")
    logprobs = -np.asarray(perturbed_losses, dtype=np.float64)
    if combination == "geometric":
        return float(logprobs.mean())
    return float(np.logaddexp.reduce(logprobs) - np.log(len(logprobs)))


def truth_ratios(
    paraphrased_losses: Sequence[float], perturbed_losses: Sequence[Sequence[float]], combination: Combination
) -> "NDArray[np.float64]":
    """R of every question, from the loss of its paraphrased answer and the losses of its wrong ones.

    0 where the wrong answers have no probability, inf where the right one has none. Raises ValueError, with the row, where
    neither has (0 / 0) or a loss is not a number, and for a row without wrong answers.
    """
    import numpy as np

    ratios = np.empty(len(paraphrased_losses), dtype=np.float64)
    for row, (right, wrong) in enumerate(zip(paraphrased_losses, perturbed_losses, strict=True)):
        with np.errstate(over="ignore", invalid="ignore"):
            ratios[row] = np.exp(np.float64(wrong_logprob(wrong, combination)) + right)
        if np.isnan(ratios[row]):
            raise ValueError(
                f"row {row}: the truth ratio is undefined for the paraphrased loss {right} and the wrong answers' losses "
                f"{list(wrong)}; one side must have a finite loss, and none may be NaN"
            )
    return ratios


def forget_form(ratios: "ArrayLike") -> "NDArray[np.float64]":
    """min(R, 1 / R), row by row: 1 is a model that cannot tell right from wrong, 0 one that is sure of either.

    Source: the released code of Maini et al. (2024) on the forget split.
    """
    import numpy as np

    values = np.asarray(ratios, dtype=np.float64)
    with np.errstate(divide="ignore", over="ignore"):
        return np.minimum(values, 1 / values)


def retain_form(ratios: "ArrayLike") -> "NDArray[np.float64]":
    """max(0, 1 - R), row by row: 1 is a model that knows, 0 one that finds the wrong answers as probable or more so.

    Source: Maini et al. (2024), section 2.2, on the splits that count into model utility.
    """
    import numpy as np

    return np.maximum(0.0, 1 - np.asarray(ratios, dtype=np.float64))
