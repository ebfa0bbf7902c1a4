"""Extraction strength and exact memorization; membership scores, their AUC, and PrivLeak."""

import zlib
from collections.abc import Callable
from math import inf, log, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tofu.memorization import (
    auc,
    exact_memorization,
    extraction_strength,
    loss_score,
    min_k_plus_plus_score,
    min_k_score,
    privleak,
    vocabulary_moments,
    zlib_score,
)

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
