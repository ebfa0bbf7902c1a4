"""Forget quality: whether a model's truth ratios on the forget rows could be those of one that never saw them.

The p-value of a two-sample Kolmogorov-Smirnov test between the unlearned model's truth ratios and a retain-only model's, on the
same forget rows (Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs", 2024, section 2.2). Near 1 the two can't be
told apart; below 0.05 they can. It is usually shown as its logarithm.

The ratios are the raw R, not min(R, 1 / R). Only their order counts, so wrong / right and right / wrong give one p-value. Name
the definition of R (``pipeline.tofu.truth_ratio``) beside the number; published values rest on the geometric one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.tofu.kolmogorov_smirnov import two_sample_test

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NO_RETAIN_MODEL = (
    "forget quality compares with a model trained on the retain split alone, and none was given; "
    "evaluate one on the same forget rows to have it"
)


@dataclass(frozen=True)
class ForgetQuality:
    """The p-value and D of the test; or None for both, and the reason."""

    p_value: float | None
    statistic: float | None
    reason: str | None = None


def forget_quality(ratios: "ArrayLike", retain_only_ratios: "ArrayLike | None") -> ForgetQuality:
    """Forget quality from the truth ratios of the forget rows under the unlearned and the retain-only model.

    Without a retain-only model there is no forget quality: the values are None and ``reason`` says why. Raises ValueError for
    an empty column or a NaN in it.
    """
    if retain_only_ratios is None:
        return ForgetQuality(None, None, NO_RETAIN_MODEL)
    test = two_sample_test(ratios, retain_only_ratios)
    return ForgetQuality(test.p_value, test.statistic)
