"""Extraction strength and exact memorization."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tofu.extraction import exact_memorization, extraction_strength


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
def test_by_hand(correct: list[int], strength: float, share: float) -> None:
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
