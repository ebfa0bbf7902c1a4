"""Forget quality: the reference value, and no number without a retain-only model."""

from math import comb, inf, nan

import numpy as np
import pytest

from pipeline.tofu.quality import NO_RETAIN_MODEL, ForgetQuality, forget_quality
from pipeline.tofu.truth_ratio import truth_ratios
from tests.tofu.reference import column, read_log


def reference_ratios(name: str) -> "np.typing.NDArray[np.float64]":
    """The geometric truth ratios of a log."""
    log = read_log(name)
    return truth_ratios(column(log, "avg_paraphrased_loss"), column(log, "average_perturb_loss"), "geometric")


def test_reference_value() -> None:
    full, retain = (reference_ratios(f"{name}_eval_log_forget.json") for name in ("full", "retain90"))
    quality = forget_quality(full, retain)
    assert quality.p_value == pytest.approx(1.834066410994743e-21, rel=1e-9, abs=0)
    assert quality.statistic == pytest.approx(119 / 300, rel=1e-9, abs=0)
    assert quality.reason is None
    assert forget_quality(1 / full, 1 / retain) == quality


def test_without_a_retain_only_model_there_is_no_number_but_a_reason() -> None:
    assert forget_quality([0.5, 0.7], None) == ForgetQuality(None, None, NO_RETAIN_MODEL)


def test_a_model_that_never_saw_the_rows_has_quality_one() -> None:
    ratios = np.random.default_rng(0).random(20)
    assert forget_quality(ratios, ratios[::-1]) == ForgetQuality(1.0, 0.0)


def test_by_hand() -> None:
    """Of the 20 orders of three and three, two have one model's ratios wholly before the other's."""
    quality = forget_quality([0.1, 0.2, 0.3], [0.7, 0.8, 0.9])
    assert quality.p_value == pytest.approx(0.1)
    assert quality.statistic == 1.0


def test_a_tiny_p_value_is_exact_and_not_one_minus_something() -> None:
    """Ratios apart: 2 of C(80, 40) orders."""
    assert forget_quality(range(40), range(40, 80)).p_value == pytest.approx(2 / comb(80, 40), rel=1e-12)


def test_ties_give_an_upper_bound() -> None:
    """Of the 70 ways to deal four 1s and four 2s to two models, 34 have a gap of a half or more; of distinct values 54 have."""
    assert forget_quality([1, 1, 1, 2], [1, 2, 2, 2]).p_value == pytest.approx(54 / 70)


def test_infinite_ratios_are_ordered() -> None:
    assert forget_quality([0, 1, inf], [0.5, 2, inf]).statistic == pytest.approx(1 / 3)


@pytest.mark.parametrize(("ratios", "retain_only", "model"), [([], [0.5], "unlearned"), ([0.5], [0.1, nan], "retain-only")])
def test_an_empty_column_or_a_nan_is_an_error(ratios: list[float], retain_only: list[float], model: str) -> None:
    with pytest.raises(ValueError, match=f"the {model} model needs at least one"):
        forget_quality(ratios, retain_only)
