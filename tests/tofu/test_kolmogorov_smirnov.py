"""The two-sample test against every order of the pooled values."""

from itertools import combinations
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tofu.kolmogorov_smirnov import two_sample_test

SAMPLES = st.lists(st.integers(-5, 5), min_size=1, max_size=12)


def largest_gap(first: list[float], second: list[float]) -> float:
    """D from its definition."""
    values = [*first, *second]
    return max(abs(sum(a <= x for a in first) / len(first) - sum(b <= x for b in second) / len(second)) for x in values)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 4), (3, 3), (4, 3), (5, 5), (6, 4)])
def test_p_value_is_the_share_of_orders_with_a_gap_as_large(n: int, m: int) -> None:
    ranks = set(range(n + m))
    orders = [(sorted(chosen), sorted(ranks - set(chosen))) for chosen in combinations(sorted(ranks), n)]
    gaps = np.array([largest_gap(list(map(float, first)), list(map(float, second))) for first, second in orders])
    for (first, second), gap in list(zip(orders, gaps, strict=True))[::7]:
        test = two_sample_test(first, second)
        assert test.statistic == pytest.approx(gap)
        assert test.p_value == pytest.approx((gaps >= gap - 1e-9).mean())


def test_by_hand() -> None:
    """Of the 20 orders of three and three, only two have one sample wholly before the other."""
    test = two_sample_test([1, 2, 3], [4, 5, 6])
    assert (test.statistic, test.p_value) == (1.0, 0.1)


def test_equal_samples_have_no_gap() -> None:
    test = two_sample_test([1, 2, 2], [2, 1, 2])
    assert (test.statistic, test.p_value) == (0.0, 1.0)


def test_a_tiny_p_value_is_exact() -> None:
    """Two samples apart: 2 of C(80, 40) orders."""
    test = two_sample_test(range(40), range(40, 80))
    assert test.p_value == pytest.approx(2 / 107507208733336176461620, rel=1e-14)


def test_infinite_values_are_ordered() -> None:
    assert two_sample_test([0, 1, inf], [-inf, 2, inf]) == two_sample_test([2, 3, 5], [1, 4, 5])


@settings(deadline=None)
@given(SAMPLES, SAMPLES)
def test_statistic_is_that_of_the_definition_with_ties(first: list[int], second: list[int]) -> None:
    test = two_sample_test(first, second)
    assert test.statistic == pytest.approx(largest_gap(list(map(float, first)), list(map(float, second))))
    assert 0 < test.p_value <= 1


@settings(deadline=None)
@given(SAMPLES, SAMPLES)
def test_neither_the_side_nor_the_direction_counts(first: list[int], second: list[int]) -> None:
    test = two_sample_test(first, second)
    assert two_sample_test(second, first) == test
    assert two_sample_test(-np.array(first), -np.array(second)) == test


@pytest.mark.parametrize(("first", "second", "name"), [([], [1.0], "first"), ([1.0], [], "second"), ([1.0], [nan], "second")])
def test_an_empty_sample_or_a_nan_is_an_error(first: list[float], second: list[float], name: str) -> None:
    with pytest.raises(ValueError, match=f"the {name} sample"):
        two_sample_test(first, second)
