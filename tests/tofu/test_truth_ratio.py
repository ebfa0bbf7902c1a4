"""Truth ratio: both definitions, both forms, and what does not change it."""

from math import inf, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tofu.truth_ratio import Combination, forget_form, retain_form, truth_ratios, wrong_logprob
from tests.tofu.reference import column, read_log

BOTH: tuple[Combination, ...] = ("geometric", "arithmetic")
LOSSES = st.floats(0, 20)
ROWS = st.tuples(LOSSES, st.lists(LOSSES, min_size=1, max_size=5))


def ratio(right: float, wrong: list[float], combination: Combination) -> float:
    """R of one question."""
    return float(truth_ratios([right], [wrong], combination)[0])


def test_by_hand() -> None:
    """Right answer 1/2; wrong answers 1/2 and 1/8, whose means are 1/4 and 5/16."""
    right, wrong = log(2), [log(2), log(8)]
    assert ratio(right, wrong, "geometric") == pytest.approx(1 / 2)
    assert ratio(right, wrong, "arithmetic") == pytest.approx(5 / 8)


@pytest.mark.parametrize("combination", BOTH)
def test_one_wrong_answer_needs_no_mean(combination: Combination) -> None:
    assert ratio(log(2), [log(8)], combination) == pytest.approx(1 / 4)


@pytest.mark.parametrize("combination", BOTH)
def test_rows_are_apart_and_may_have_unequal_numbers_of_wrong_answers(combination: Combination) -> None:
    rows: list[tuple[float, list[float]]] = [(1.0, [2.0]), (0.5, [1.0, 3.0, 2.0])]
    together = truth_ratios([right for right, _ in rows], [wrong for _, wrong in rows], combination)
    assert together.tolist() == [ratio(right, wrong, combination) for right, wrong in rows]


@pytest.mark.parametrize("combination", BOTH)
def test_no_rows_give_no_ratios(combination: Combination) -> None:
    assert truth_ratios([], [], combination).tolist() == []


def test_a_wrong_answer_of_no_probability_makes_the_geometric_mean_zero_but_not_the_arithmetic() -> None:
    assert ratio(0.0, [inf, 0.0], "geometric") == 0
    assert ratio(0.0, [inf, 0.0], "arithmetic") == pytest.approx(1 / 2)


@pytest.mark.parametrize("combination", BOTH)
def test_answers_of_no_probability(combination: Combination) -> None:
    assert ratio(1.0, [inf, inf], combination) == 0
    assert ratio(inf, [1.0, 2.0], combination) == inf
    assert ratio(2000.0, [1.0], combination) == inf


@pytest.mark.parametrize("combination", BOTH)
@pytest.mark.parametrize(("right", "wrong"), [(inf, [inf]), (nan, [1.0]), (1.0, [1.0, nan])])
def test_an_undefined_ratio_is_an_error_that_names_the_row(combination: Combination, right: float, wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="row 1: the truth ratio is undefined"):
        truth_ratios([1.0, right], [[1.0], wrong], combination)


def test_no_wrong_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one wrong answer"):
        wrong_logprob([], "geometric")


def test_unequal_columns_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        truth_ratios([1.0, 2.0], [[1.0]], "geometric")


def test_forms_by_hand() -> None:
    ratios = [0.0, 0.25, 1.0, 4.0, inf]
    assert forget_form(ratios).tolist() == [0.0, 0.25, 1.0, 0.25, 0.0]
    assert retain_form(ratios).tolist() == [1.0, 0.75, 0.0, 0.0, 0.0]


@given(ROWS, st.floats(0, 20))
def test_only_differences_of_losses_count(row: tuple[float, list[float]], shift: float) -> None:
    right, wrong = row
    for combination in BOTH:
        moved = ratio(right + shift, [loss + shift for loss in wrong], combination)
        assert moved == pytest.approx(ratio(right, wrong, combination), rel=1e-9)


@given(ROWS)
def test_the_order_of_the_wrong_answers_does_not_count(row: tuple[float, list[float]]) -> None:
    right, wrong = row
    for combination in BOTH:
        assert ratio(right, sorted(wrong), combination) == pytest.approx(ratio(right, wrong, combination), rel=1e-9)


@given(ROWS)
def test_the_arithmetic_ratio_is_never_the_smaller(row: tuple[float, list[float]]) -> None:
    assert ratio(*row, "arithmetic") >= ratio(*row, "geometric") * (1 - 1e-12)


@given(st.floats(1e-6, 1e6))
def test_the_forget_form_does_not_know_which_side_is_right(value: float) -> None:
    assert forget_form([value])[0] == pytest.approx(forget_form([1 / value])[0])
    assert 0 < forget_form([value])[0] <= 1
    assert 0 <= retain_form([value])[0] <= 1


@pytest.mark.parametrize("name", ["full_eval_log_forget.json", "retain90_eval_log_forget.json"])
def test_geometric_ratios_are_those_of_the_reference_logs(name: str) -> None:
    """The logs' own column, which was computed in float32."""
    log_ = read_log(name)
    ratios = truth_ratios(column(log_, "avg_paraphrased_loss"), column(log_, "average_perturb_loss"), "geometric")
    assert len(ratios) == 300
    np.testing.assert_allclose(ratios, column(log_, "truth_ratio"), rtol=1e-5)
