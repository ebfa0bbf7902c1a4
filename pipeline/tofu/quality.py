"""Forget quality: whether a model's truth ratios on the forget rows could be those of one that never saw them.

The p-value of a two-sample Kolmogorov-Smirnov test between the unlearned model's truth ratios and a retain-only model's, on the
same forget rows (Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs", 2024, section 2.2). Near 1 the two can't be
told apart; below 0.05 they can. It is usually shown as its logarithm.

The test is scipy's, two-sided and exact (Hodges, "The significance probability of the Smirnov two-sample test", 1958; the
asymptotic p-value only, with scipy's warning, where the numbers of rows have a least common multiple beyond 2^31). It takes the
values for distinct: with ties the p-value is an upper bound.

The ratios are the raw R, not min(R, 1 / R). Only their order counts, so wrong / right and right / wrong give one p-value. Name
the definition of R (``pipeline.tofu.truth_ratio``) beside the number; published values rest on the geometric one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NO_RETAIN_MODEL = (
    "forget quality compares with a model trained on the retain split alone, and none was given; "
    "evaluate one on the same forget rows to have it"
)


@dataclass(frozen=True)
class ForgetQuality:
    """The p-value of the test and D, the largest gap between the two distribution functions; or None, and the reason."""

    p_value: float | None
    statistic: float | None
    reason: str | None = None


def forget_quality(ratios: "ArrayLike", retain_only_ratios: "ArrayLike | None") -> ForgetQuality:
    """Forget quality from the truth ratios of the forget rows under the unlearned and the retain-only model.

    Without a retain-only model there is no forget quality: the values are None and ``reason`` says why. Infinite ratios are
    ordered like any other. Raises ValueError for an empty column or a NaN in it.
    """
    import numpy as np
    from scipy.stats import ks_2samp  # type: ignore[import-untyped, unused-ignore]

    if retain_only_ratios is None:
        return ForgetQuality(None, None, NO_RETAIN_MODEL)
    columns = [np.asarray(column, dtype=np.float64) for column in (ratios, retain_only_ratios)]
    for name, column in zip(("unlearned", "retain-only"), columns, strict=True):
        if not len(column) or np.isnan(column).any():
            raise ValueError(f"the {name} model needs at least one truth ratio and no NaN; it has {len(column)} ratios")
    test = ks_2samp(*columns, alternative="two-sided", method="exact")
    return ForgetQuality(float(test.pvalue), float(test.statistic))
