"""Membership scores, their AUC, and PrivLeak."""

import zlib
from collections.abc import Callable
from math import inf, log, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tofu.membership import (
    auc,
    loss_score,
    min_k_plus_plus_score,
    min_k_score,
    privleak,
    relative_auc_difference,
    vocabulary_moments,
    zlib_score,
)

LOGPROBS = [-1.0, -4.0, -2.0, -3.0, -5.0]
SCORES = st.lists(st.integers(-4, 4), min_size=1, max_size=12)


def test_loss_and_zlib_by_hand() -> None:
    assert loss_score(LOGPROBS) == pytest.approx(-3.0)
    text = "Zoë was born in Skell. " * 4
    assert zlib_score(LOGPROBS, text) == pytest.approx(-3.0 / len(zlib.compress(text.encode())))


@pytest.mark.parametrize(("share", "value"), [(0.01, -5.0), (0.2, -5.0), (0.4, -4.5), (0.59, -4.5), (0.6, -4.0), (1.0, -3.0)])
def test_min_k_by_hand(share: float, value: float) -> None:
    assert min_k_score(LOGPROBS, share) == pytest.approx(value)


def test_min_k_takes_two_fifths_unless_told() -> None:
    assert min_k_score(LOGPROBS) == min_k_score(LOGPROBS, 0.4)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, nan])
def test_min_k_of_an_impossible_share_is_an_error(share: float) -> None:
    with pytest.raises(ValueError, match="share of the tokens"):
        min_k_score(LOGPROBS, share)


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
    assert min_k_plus_plus_score(LOGPROBS, mean, std, 0.4) == pytest.approx(-2.0)
    assert min_k_plus_plus_score(LOGPROBS, mean, std, 1.0) == pytest.approx(-0.2)


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
    with pytest.raises(ValueError, match=f"of {name}"):
        auc(members, non_members)


def test_relative_difference_and_privleak_by_hand() -> None:
    assert relative_auc_difference(0.75, 0.5) == pytest.approx(0.5)
    assert privleak(0.75, 0.5) == pytest.approx(-50.0)
    assert privleak(0.7, 0.6) == pytest.approx(-25.0)


def test_privleak_is_zero_below_or_above_by_how_much_is_forgotten() -> None:
    assert privleak(0.52, 0.52) == 0
    assert privleak(1.0, 0.5) == pytest.approx(-100.0)
    assert privleak(0.0, 0.5) == pytest.approx(100.0)


def test_privleak_from_a_retrained_auc_at_the_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="PrivLeak from a retrained AUC of 1"):
        privleak(0.5, 1.0)
    with pytest.raises(ValueError, match="retrained AUC of 0"):
        relative_auc_difference(0.5, 0.0)
