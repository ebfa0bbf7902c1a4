"""The learning rate over a training."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.distill.loop import rate_at

PEAK = 3e-5


@given(st.integers(1, 300), st.floats(0, 1))
def test_rate_rises_peaks_falls_and_stays_above_zero(steps: int, warmup_fraction: float) -> None:
    rates = [rate_at(step, steps, PEAK, warmup_fraction) for step in range(steps)]
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(PEAK)
    assert all(earlier < later for earlier, later in pairwise(rates[: top + 1]))
    assert all(earlier >= later for earlier, later in pairwise(rates[top:]))
    assert min(rates) > 0


def test_rates_of_ten_steps() -> None:
    rates = [rate_at(step, 10, 1.0, 0.2) for step in range(10)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert [rate_at(step, 4, 1.0, 0.0) for step in range(4)] == pytest.approx([1.0, 0.75, 0.5, 0.25])
