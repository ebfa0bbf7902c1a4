"""Bootstrap intervals of a mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluate.intervals import mean_with_interval


def test_interval_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(0.4, 1.0, 400)
    result = mean_with_interval(values.tolist(), 4000, 1)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert result["mean"] == pytest.approx(values.mean(), abs=1e-4)
    assert result["low"] == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert result["high"] == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert result["count"] == 400


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 5))
def test_interval_lies_within_the_values(values: list[float], seed: int) -> None:
    result = mean_with_interval(values, 200, seed)
    assert min(values) - 1e-4 <= result["low"] <= result["high"] <= max(values) + 1e-4
    assert result["count"] == len(values)


def test_a_seed_gives_one_interval() -> None:
    values = np.random.default_rng(0).random(20).tolist()
    assert mean_with_interval(values, 100, 3) == mean_with_interval(values, 100, 3)
    assert mean_with_interval(values, 100, 3) != mean_with_interval(values, 100, 4)


def test_one_value_is_its_own_interval() -> None:
    assert mean_with_interval([0.25], 100, 0) == {"mean": 0.25, "low": 0.25, "high": 0.25, "count": 1}
