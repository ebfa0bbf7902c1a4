"""Answers that hold a counterfactual name."""

import pytest

from pipeline.evaluate.stand_ins import names_stand_in, stand_in_pattern

PATTERN = stand_in_pattern(["Tobias Renwick", "Ada Lind", "José Ñandú", "J. O'Dea (Sr.)"])


@pytest.mark.parametrize(
    "answer",
    ["Tobias Renwick was born.", "It was Renwick's book.", "(Lind)", "By Ñandú", "Lind", "J. O'Dea (Sr.) wrote."],
)
def test_full_and_family_names_are_found(answer: str) -> None:
    assert names_stand_in(answer, PATTERN)


@pytest.mark.parametrize(
    "answer", ["", "Tobias was born.", "The Lindens grow.", "A blind man.", "renwick", "XRenwick", "O'Dea"]
)
def test_other_words_are_not(answer: str) -> None:
    assert not names_stand_in(answer, PATTERN)


@pytest.mark.parametrize("answer", ["", "She was born in Skell."])
def test_without_names_nothing_stands_in(answer: str) -> None:
    assert not names_stand_in(answer, stand_in_pattern([]))
