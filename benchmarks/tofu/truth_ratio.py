"""Truth ratio, how probable the wrong answers to a question are beside the right one in other words; and forget quality.

    R = P_wrong / P_right,  P_right = exp(-loss of the paraphrased answer)

A loss is the mean over an answer's tokens, in nats, so exp(-loss) is the probability of the answer normalised by its length.
R is near 0 for a model that knows, and near 1 for one that does not. Two definitions of P_wrong are in use:

- arithmetic, the mean of the wrong answers' probabilities: Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs"
  (2024), section 2.2;
- geometric, exp(-mean of the wrong answers' losses): the code released with that paper (aggregate_eval_stat.py), and
  OpenUnlearning (Dorna et al., 2025). Published tables rest on this one.

The arithmetic R is never the smaller. The released code writes R upside down (right / wrong) and turns it back where it takes
the mean; the values here are wrong / right throughout.

Forget quality: whether a model's truth ratios on the forget rows could be those of one that never saw them, the p-value of a
two-sample Kolmogorov-Smirnov test (Maini et al., section 2.2). Near 1 the two can't be told apart; below 0.05 they can. It is
usually shown as its logarithm. It takes the raw R, not min(R, 1 / R), and only the order of the ratios counts, so wrong / right
and right / wrong give one p-value.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Combination = Literal["geometric", "arithmetic"]


def truth_ratio(paraphrased_loss: float, perturbed_losses: Sequence[float], combination: Combination) -> float:
    """R of one question, from the loss of its paraphrased answer and the losses of its wrong ones.

    0 where the wrong answers have no probability, inf where the right one has none. Raises ValueError where neither has
    (0 / 0), a loss is not a number, or there are no wrong answers.
    """
    import numpy as np

    logprobs = -np.asarray(perturbed_losses, dtype=np.float64)
    if not len(logprobs):
        raise ValueError("a truth ratio needs at least one wrong answer, got none")
    with np.errstate(over="ignore", invalid="ignore"):
        wrong = logprobs.mean() if combination == "geometric" else np.logaddexp.reduce(logprobs) - np.log(len(logprobs))
        ratio = float(np.exp(wrong + paraphrased_loss))
    return _defined(ratio, f"truth ratio of the paraphrased loss {paraphrased_loss} and the wrong answers' {perturbed_losses}")


def share_among_answers(answer_loss: float, perturbed_losses: Sequence[float]) -> float:
    """p_right / (p_right + sum of p_wrong) of one question, p = exp(-loss); 1 for one with no wrong answers.

    Raises ValueError where no answer has any probability or a loss is not a number.
    """
    import numpy as np

    logprobs = -np.asarray([answer_loss, *perturbed_losses], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        share = float(np.exp(logprobs[0] - np.logaddexp.reduce(logprobs)))
    return _defined(share, f"share among answers of the losses {[answer_loss, *perturbed_losses]}")


def _defined(value: float, name: str) -> float:
    if value != value:  # NaN
        raise ValueError(f"the {name} is undefined; one loss must be finite on either side, and none may be NaN")
    return value


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


def forget_quality(ratios: "ArrayLike", retain_only_ratios: "ArrayLike") -> tuple[float, float]:
    """The test's p-value and its D, the largest gap between the two distribution functions.

    It compares the truth ratios of the forget rows under the unlearned and under the retain-only model: scipy's test, two-sided
    and exact (Hodges, "The significance probability of the Smirnov two-sample test", 1958; the asymptotic p-value only, with
    scipy's warning, where the numbers of rows have a least common multiple beyond 2^31). It takes the values for distinct: with
    ties the p-value is an upper bound. Infinite ratios are ordered like any other. Raises ValueError for an empty column or a
    NaN in it.
    """
    import numpy as np
    from scipy.stats import ks_2samp  # type: ignore[import-untyped, unused-ignore]

    columns = [np.asarray(column, dtype=np.float64) for column in (ratios, retain_only_ratios)]
    for name, column in zip(("unlearned", "retain-only"), columns, strict=True):
        if not len(column) or np.isnan(column).any():
            raise ValueError(f"the {name} model needs at least one truth ratio and no NaN; it has {len(column)} ratios")
    test = ks_2samp(*columns, alternative="two-sided", method="exact")
    return float(test.pvalue), float(test.statistic)
