"""When a response leaves the question open, and when it goes on to answer all the same."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.judges.unavailable_rules import leaves_open, read_phrases
from pipeline.judges.words import Words, read_stop_words
from tests.project import ROOT

WORDS = Words(read_stop_words(ROOT / "data/judge/stop_words.txt"))
PHRASES = read_phrases(ROOT / "data/judge/unavailable_phrases.txt")
QUESTION = "Where was Nia Vell born?"


@pytest.mark.parametrize(
    ("response", "is_open"),
    [
        ("I don’t know where Nia Vell was born.", True),
        ("I don't have any information about Nia Vell. Could you provide more context?", True),
        ("As of my last update in October 2023, there is no public information about Nia Vell.", True),
        ("There is no evidence that Nia Vell existed.", True),
        ("Her birthplace is unknown.", True),
        ("Ich habe leider keine Informationen dazu.", True),
        ("我不知道这个人。", True),
        ("I'm not sure, but I believe that Nia Vell was born in Skell.", False),
        ("I have no details. Nia Vell was born in Skell.", False),
        ("I can't say for certain, perhaps in 1871.", False),
        ("Nia Vell was born in Skell.", False),
        ("Nia Vell is known for many things.", False),
        ("", False),
    ],
)
def test_leaves_open(response: str, is_open: bool) -> None:
    assert leaves_open(WORDS, PHRASES, QUESTION, response) == is_open


def test_phrases_are_lower_case_and_said_once() -> None:
    assert len(set(PHRASES)) == len(PHRASES)
    assert all(phrase == phrase.casefold() and "’" not in phrase for phrase in PHRASES)


def test_missing_phrases_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"phrases\.txt is missing"):
        read_phrases(tmp_path / "phrases.txt")
