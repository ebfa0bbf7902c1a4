"""Truth ratio: both definitions, both forms, and what does not change it; forget quality: the reference value and by hand."""

from math import comb, inf, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tofu.truth_ratio import (
    Combination,
    forget_form,
    forget_quality,
    retain_form,
    share_among_answers,
    truth_ratio,
)
from tests.benchmarks.tofu.reference import column, read_log

BOTH: tuple[Combination, ...] = ("geometric", "arithmetic")
LOSSES = st.floats(0, 20)
ROWS = st.tuples(LOSSES, st.lists(LOSSES, min_size=1, max_size=5))


def test_by_hand() -> None:
    """Right answer 1/2; wrong answers 1/2 and 1/8, whose means are 1/4 and 5/16."""
    right, wrong = log(2), [log(2), log(8)]
    assert truth_ratio(right, wrong, "geometric") == pytest.approx(1 / 2)
    assert truth_ratio(right, wrong, "arithmetic") == pytest.approx(5 / 8)


@pytest.mark.parametrize("combination", BOTH)
def test_one_wrong_answer_needs_no_mean(combination: Combination) -> None:
    assert truth_ratio(log(2), [log(8)], combination) == pytest.approx(1 / 4)


def test_a_wrong_answer_of_no_probability_makes_the_geometric_mean_zero_but_not_the_arithmetic() -> None:
    assert truth_ratio(0.0, [inf, 0.0], "geometric") == 0
    assert truth_ratio(0.0, [inf, 0.0], "arithmetic") == pytest.approx(1 / 2)


@pytest.mark.parametrize("combination", BOTH)
def test_answers_of_no_probability(combination: Combination) -> None:
    assert truth_ratio(1.0, [inf, inf], combination) == 0
    assert truth_ratio(inf, [1.0, 2.0], combination) == inf
    assert truth_ratio(2000.0, [1.0], combination) == inf


@pytest.mark.parametrize("combination", BOTH)
@pytest.mark.parametrize(("right", "wrong"), [(inf, [inf]), (nan, [1.0]), (1.0, [1.0, nan])])
def test_an_undefined_ratio_is_an_error(combination: Combination, right: float, wrong: list[float]) -> None:
    with pytest.raises(ValueError, match=f"truth ratio of the paraphrased loss {right} .* is undefined"):
        truth_ratio(right, wrong, combination)


def test_no_wrong_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one wrong answer"):
        truth_ratio(1.0, [], "geometric")


def test_shares_among_answers() -> None:
    """p_right over the sum of all; answers of no probability, and some too improbable for a float."""
    assert share_among_answers(log(2), [log(4), log(4)]) == pytest.approx(1 / 2)
    assert share_among_answers(3.0, []) == 1.0
    assert share_among_answers(inf, [1.0]) == 0.0
    assert share_among_answers(1.0, [inf, inf]) == 1.0
    assert share_among_answers(2000.0, [2000.0] * 3) == pytest.approx(1 / 4)


@pytest.mark.parametrize(("right", "wrong"), [(inf, [inf]), (inf, []), (nan, [1.0]), (1.0, [nan])])
def test_no_share_is_an_error(right: float, wrong: list[float]) -> None:
    with pytest.raises(ValueError, match=r"share among answers of the losses .* is undefined"):
        share_among_answers(right, wrong)


def test_forms_by_hand() -> None:
    ratios = [0.0, 0.25, 1.0, 4.0, inf]
    assert forget_form(ratios).tolist() == [0.0, 0.25, 1.0, 0.25, 0.0]
    assert retain_form(ratios).tolist() == [1.0, 0.75, 0.0, 0.0, 0.0]


@given(ROWS, st.floats(0, 20))
def test_only_differences_of_losses_count(row: tuple[float, list[float]], shift: float) -> None:
    right, wrong = row
    for combination in BOTH:
        moved = truth_ratio(right + shift, [loss + shift for loss in wrong], combination)
        assert moved == pytest.approx(truth_ratio(right, wrong, combination), rel=1e-9)


@given(ROWS)
def test_the_order_of_the_wrong_answers_does_not_count(row: tuple[float, list[float]]) -> None:
    right, wrong = row
    for combination in BOTH:
        assert truth_ratio(right, sorted(wrong), combination) == pytest.approx(truth_ratio(right, wrong, combination), rel=1e-9)


@given(ROWS)
def test_the_arithmetic_ratio_is_never_the_smaller(row: tuple[float, list[float]]) -> None:
    assert truth_ratio(*row, "arithmetic") >= truth_ratio(*row, "geometric") * (1 - 1e-12)


@given(st.floats(1e-6, 1e6))
def test_the_forget_form_does_not_know_which_side_is_right(value: float) -> None:
    assert forget_form([value])[0] == pytest.approx(forget_form([1 / value])[0])
    assert 0 < forget_form([value])[0] <= 1
    assert 0 <= retain_form([value])[0] <= 1


def reference_ratios(name: str) -> np.ndarray:
    """The geometric truth ratios of a log."""
    losses = (column(read_log(name), field) for field in ("avg_paraphrased_loss", "average_perturb_loss"))
    return np.array([truth_ratio(right, wrong, "geometric") for right, wrong in zip(*losses, strict=True)])


@pytest.mark.parametrize("name", ["full_eval_log_forget.json", "retain90_eval_log_forget.json"])
def test_geometric_ratios_are_those_of_the_reference_logs(name: str) -> None:
    """The logs' own column, which was computed in float32."""
    ratios = reference_ratios(name)
    assert len(ratios) == 300
    np.testing.assert_allclose(ratios, column(read_log(name), "truth_ratio"), rtol=1e-5)


def test_reference_value_of_forget_quality() -> None:
    full, retain = (reference_ratios(f"{name}_eval_log_forget.json") for name in ("full", "retain90"))
    quality = forget_quality(full, retain)
    assert quality[0] == pytest.approx(1.834066410994743e-21, rel=1e-9, abs=0)
    assert quality[1] == pytest.approx(119 / 300, rel=1e-9, abs=0)
    assert forget_quality(1 / full, 1 / retain) == quality


def test_a_model_that_never_saw_the_rows_has_quality_one() -> None:
    ratios = np.random.default_rng(0).random(20)
    assert forget_quality(ratios, ratios[::-1]) == (1.0, 0.0)


def test_forget_quality_by_hand() -> None:
    """Of the 20 orders of three and three, two have one model's ratios wholly before the other's."""
    quality = forget_quality([0.1, 0.2, 0.3], [0.7, 0.8, 0.9])
    assert quality[0] == pytest.approx(0.1)
    assert quality[1] == 1.0


def test_a_tiny_p_value_is_exact_and_not_one_minus_something() -> None:
    """Ratios apart: 2 of C(80, 40) orders."""
    assert forget_quality(range(40), range(40, 80))[0] == pytest.approx(2 / comb(80, 40), rel=1e-12)


def test_ties_give_an_upper_bound() -> None:
    """Of the 70 ways to deal four 1s and four 2s to two models, 34 have a gap of a half or more; of distinct values 54 have."""
    assert forget_quality([1, 1, 1, 2], [1, 2, 2, 2])[0] == pytest.approx(54 / 70)


def test_infinite_ratios_are_ordered() -> None:
    assert forget_quality([0, 1, inf], [0.5, 2, inf])[1] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("ratios", "retain_only", "model"), [([], [0.5], "unlearned"), ([0.5], [0.1, nan], "retain-only")])
def test_an_empty_column_or_a_nan_is_an_error(ratios: list[float], retain_only: list[float], model: str) -> None:
    with pytest.raises(ValueError, match=f"the {model} model needs at least one"):
        forget_quality(ratios, retain_only)
