"""Distinct 4-grams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.repetition import distinct_4grams


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("", 0.0),
        (" \n", 0.0),
        ("She was born", 1.0),
        ("She was born in Skell by the sea", 1.0),
        ("a a a a a a", 1 / 3),
        ("a b c d\na b  c d", 4 / 5),
        ("a b a b a b a b", 2 / 5),
    ],
)
def test_share_of_distinct_4grams(answer: str, share: float) -> None:
    assert distinct_4grams(answer) == pytest.approx(share)


@given(st.text())
def test_share_lies_between_zero_and_one(answer: str) -> None:
    assert 0.0 <= distinct_4grams(answer) <= 1.0


def test_collapse_shows_as_near_zero() -> None:
    assert distinct_4grams("the " * 200) < 0.01
