"""Words are compared by what they say, numbers by their value."""

from pathlib import Path

import pytest

from benchmarks.judges.words import Words, same_term
from pipeline.core.errors import InputError
from tests.project import ROOT

WORDS = Words(ROOT / "data/judge")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("In sixty minutes", "60 minute"),
        ("12,500 people", "12500 people"),
        ("Coyoacán", "coyoacan"),
        ("Byron's poems", "the poem of Lord Byron"),
        ("wasn't he", "the"),
    ],
)
def test_same_terms(one: str, other: str) -> None:
    assert WORDS.terms(one) == WORDS.terms(other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("physicist", "physics", True),
        ("Austria", "Austrian", True),
        ("1817", "18170", False),
        ("sun", "sunday", False),
        ("碎叶城", "李白出生于碎叶城", True),
    ],
)
def test_families_of_words(one: str, other: str, same: bool) -> None:
    (left,), (right,) = WORDS.terms(one), WORDS.terms(other)
    assert same_term(left, right) == same_term(right, left) == same


def test_missing_stop_words_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stop_words\.txt is missing; write words that carry no fact"):
        Words(tmp_path)
