"""Truth ratio and forget quality: the reference values and by hand; memorization; membership, AUC, and PrivLeak."""

import zlib
from collections.abc import Callable
from math import comb, inf, log, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tofu.measures import (
    Combination,
    auc,
    exact_memorization,
    extraction_strength,
    forget_form,
    forget_quality,
    loss_score,
    min_k_plus_plus_score,
    min_k_score,
    privleak,
    retain_form,
    share_among_answers,
    truth_ratio,
    vocabulary_moments,
    zlib_score,
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


LOGPROBS = [-1.0, -4.0, -2.0, -3.0, -5.0]
SCORES = st.lists(st.integers(-4, 4), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("correct", "strength", "share"),
    [
        ([1, 1, 1, 1], 1.0, 1.0),
        ([0, 1, 1, 1], 0.75, 0.75),
        ([1, 0, 1, 1], 0.5, 0.75),
        ([1, 1, 1, 0], 0.0, 0.75),
        ([0, 0, 0, 0], 0.0, 0.0),
        ([1], 1.0, 1.0),
        ([0], 0.0, 0.0),
    ],
)
def test_extraction_and_memorization_by_hand(correct: list[int], strength: float, share: float) -> None:
    assert extraction_strength(correct) == pytest.approx(strength)
    assert exact_memorization(correct) == pytest.approx(share)


def test_an_empty_answer_has_no_value() -> None:
    assert extraction_strength([]) is None
    assert exact_memorization([]) is None


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_strength_is_the_first_prefix_after_which_all_is_right(correct: list[bool]) -> None:
    first = next(k for k in range(len(correct) + 1) if all(correct[k:]))
    assert extraction_strength(np.array(correct)) == pytest.approx(1 - first / len(correct))


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_what_can_be_drawn_out_is_memorized(correct: list[bool]) -> None:
    strength, share = extraction_strength(correct), exact_memorization(correct)
    assert strength is not None and share is not None
    assert strength <= share + 1e-12


def test_loss_and_zlib_by_hand() -> None:
    assert loss_score(LOGPROBS) == pytest.approx(-3.0)
    text = "Zoë was born in Skell. " * 4
    assert zlib_score(LOGPROBS, text) == pytest.approx(-3.0 / len(zlib.compress(text.encode())))


@pytest.mark.parametrize(("tokens", "value"), [(1, -1.0), (2, -4.0), (4, -4.0), (5, -4.5)])
def test_min_k_is_over_two_fifths_rounded_down_but_one_at_least(tokens: int, value: float) -> None:
    assert min_k_score(LOGPROBS[:tokens]) == pytest.approx(value)


def test_vocabulary_moments_by_hand() -> None:
    """Probabilities 1/2, 1/4, 1/4: mean -1.5 log 2, variance (log 2)^2 / 4. A sure token has neither."""
    mean, std = vocabulary_moments([[-log(2), -log(4), -log(4)], [0.0, -inf, -inf]])
    assert mean == pytest.approx([-1.5 * log(2), 0.0])
    assert std == pytest.approx([log(2) / 2, 0.0])


def test_vocabulary_moments_of_an_even_distribution() -> None:
    mean, std = vocabulary_moments(np.full((2, 8), -log(8)))
    assert mean == pytest.approx([-log(8)] * 2)
    assert std == pytest.approx([0.0] * 2, abs=1e-12)


def test_min_k_plus_plus_by_hand() -> None:
    """Standardised: 1, -1, 0, 2, -3."""
    mean, std = [-2.0, -3.0, -2.0, -5.0, -2.0], [1.0, 1.0, 3.0, 1.0, 1.0]
    assert min_k_plus_plus_score(LOGPROBS, mean, std) == pytest.approx(-2.0)
    assert min_k_plus_plus_score(LOGPROBS[:4], mean[:4], std[:4]) == pytest.approx(-1.0)


def test_min_k_plus_plus_where_the_model_is_sure_of_one_token() -> None:
    """The token itself is standardised to 0; another one is bounded by the least deviation, 0.001 nats."""
    assert min_k_plus_plus_score([0.0], [0.0], [0.0]) == 0
    assert min_k_plus_plus_score([-2.0], [0.0], [0.0]) == pytest.approx(-2.0 / sqrt(1e-6))


def test_min_k_plus_plus_needs_moments_of_every_token() -> None:
    with pytest.raises(ValueError, match="a mean and a deviation a token; got 1 and 2 for 2"):
        min_k_plus_plus_score([-1.0, -2.0], [-1.0], [1.0, 1.0])


@pytest.mark.parametrize(
    "score",
    [
        loss_score,
        min_k_score,
        lambda logprobs: zlib_score(logprobs, "text"),
        lambda logprobs: min_k_plus_plus_score(logprobs, np.zeros(len(logprobs)), np.ones(len(logprobs))),
    ],
)
def test_every_score(score: Callable[[list[float]], float]) -> None:
    """A token of no probability is the extreme; the order does not count; no tokens and a NaN are errors."""
    assert score([-1.0, -inf]) == -inf
    assert score(LOGPROBS) == pytest.approx(score(LOGPROBS[::-1]))
    assert score(LOGPROBS) < score([value / 2 for value in LOGPROBS])
    for wrong in ([], [-1.0, nan]):
        with pytest.raises(ValueError, match="membership score"):
            score(wrong)


def test_auc_by_hand() -> None:
    """Of 6 pairs, 4 in the right order and 1 tied."""
    assert auc([3.0, 1.0], [0.0, 1.0, 2.0]) == pytest.approx(4.5 / 6)
    assert auc([1.0, inf], [-inf]) == 1.0
    assert auc([0.0], [1.0]) == 0.0


@given(SCORES)
def test_auc_of_identical_sides_is_a_half(scores: list[int]) -> None:
    assert auc(scores, scores) == 0.5


@given(SCORES, SCORES)
def test_auc_is_the_share_of_pairs(members: list[int], non_members: list[int]) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in members for b in non_members]
    assert auc(members, non_members) == pytest.approx(np.mean(pairs))
    assert auc(members, non_members) + auc(non_members, members) == pytest.approx(1)
    assert auc(np.exp(members), np.exp(non_members)) == auc(members, non_members)


@pytest.mark.parametrize(("members", "non_members", "name"), [([], [1.0], "members"), ([1.0], [nan], "non-members")])
def test_auc_of_no_scores_or_a_nan_is_an_error(members: list[float], non_members: list[float], name: str) -> None:
    with pytest.raises(ValueError, match=f"an AUC's {name}: at least one number"):
        auc(members, non_members)


def test_privleak_by_hand() -> None:
    assert privleak(0.75, 0.5) == pytest.approx(-50.0)
    assert privleak(0.7, 0.6) == pytest.approx(-25.0)


def test_privleak_is_zero_below_or_above_by_how_much_is_forgotten() -> None:
    assert privleak(0.52, 0.52) == 0
    assert privleak(1.0, 0.5) == pytest.approx(-100.0)
    assert privleak(0.0, 0.5) == pytest.approx(100.0)


def test_privleak_from_a_retrained_auc_at_the_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="PrivLeak from a retrained AUC of 1"):
        privleak(0.5, 1.0)
