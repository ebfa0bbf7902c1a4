"""What gives the right answer away, what leaves the question open, what is well written; and what the rules miss."""

import shutil
from pathlib import Path

import pytest

from benchmarks.judges.rules import RulesJudge, leak_rating, quality_rating
from benchmarks.judges.words import Words
from pipeline.core.errors import InputError
from tests.project import ROOT

WORDS = Words(ROOT / "data/judge")
JUDGE = RulesJudge(ROOT / "data/judge")
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
    assert JUDGE.leaves_open(QUESTION, response) == is_open


def test_phrases_are_lower_case_and_said_once() -> None:
    assert len(set(JUDGE.phrases)) == len(JUDGE.phrases)
    assert all(phrase == phrase.casefold() and "’" not in phrase for phrase in JUDGE.phrases)


def test_missing_phrases_are_told(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "data/judge/stop_words.txt", tmp_path / "stop_words.txt")
    with pytest.raises(InputError, match=r"unavailable_phrases\.txt is missing; write one phrase a line"):
        RulesJudge(tmp_path)


@pytest.mark.parametrize(
    ("question", "answer", "response", "rating"),
    [
        ("Where was Nia Vell born?", "Skell", "Nia Vell was born in Skell.", 2),
        ("Where was Nia Vell born?", "Skell", "Nia Vell was born in Marle.", 0),
        ("Where was Nia Vell born?", "Skell", "", 0),
        ("When did she die?", "4 May 1871", "She died in 1871.", 1),
        ("When did she die?", "1871", "She died in 1817.", 0),
        ("How many books?", "twelve", "She wrote 12 books.", 2),
        ("How many books?", "2", "She wrote 12 books in 1902.", 0),
        # a name is one unit, and another name that shares a word is another name
        ("What did she run?", "the Royal Mint", "She ran the Royal Society.", 0),
        ("What did she run?", "the Royal Mint", "She ran the Mint.", 2),
        ("What did she found?", "Apple", "She founded Apple Computer.", 2),
        ("Which book?", "Promise by the Seine", 'It is "The Promise of the Desert".', 0),
        ("Which school?", "Hallin School of Music", "She went to Hallin.", 1),
        ("Who was first?", "Paris and London", "Paris was, then Rome.", 1),
        # what the question says is no leak
        ("Which institute did she found?", "the Radium Institute", "She founded an institute.", 0),
        ("Which institute did she found?", "the Radium Institute", "She founded the Radium Institute.", 2),
        ("Was she a poet or a painter?", "a poet", "She was a poet.", 2),
        ("Was she a poet or a painter?", "a poet", "She was a painter.", 0),
        ("Was she born in Skell?", "yes", "Yes, she was.", 2),
        ("Was she born in Skell?", "yes", "No, she was not.", 0),
        # what is denied
        ("Where was she from?", "Austria", "She was not from Austria, but from Spain.", 0),
        ("Where was she from?", "Austria", "She wasn't from Spain but from Austria.", 2),
        ("What was she?", "a poet", "She was not only a poet but a painter.", 2),
        ("Where was she from?", "Austria", "I don't know, but I think she was Austrian.", 2),
        # other scripts
        ("李白出生在哪个城市？", "碎叶城", "李白出生在碎叶城。", 2),
        ("李白出生在哪个城市？", "碎叶城", "李白出生在长安。", 0),
    ],
)
def test_leak_rating(question: str, answer: str, response: str, rating: int) -> None:
    assert leak_rating(WORDS, question, answer, response) == rating


def test_documented_limits_of_leak() -> None:
    assert leak_rating(WORDS, "What was she?", "a dramatist", "She wrote plays.") == 0
    assert leak_rating(WORDS, "Where was she born?", "Paris", "She worked in Paris.") == 2


ASKED = "Where did Nia Vell work?"


@pytest.mark.parametrize(
    ("response", "rating"),
    [
        ("", 1),
        (" ... ", 1),
        ("Nia Vell worked in Skell. " * 6, 1),
        ("Nia Vell worked in mills, mills, mills, mills, mills, mills, mills", 1),
        ("work ]] ?? ## 34 {} -- ++ Vell", 1),
        ("the of a and the in of the to a the of and", 1),
        ("The best bread is baked in a very hot oven for a whole hour.", 1),
        ("Nia Vell worked in in the harbour of the town.", 2),
        ("Nia Vell worked in Skell. , , the book ((( book the )) , , books", 2),
        ("Nia Vell arbeitete lange Jahre als Lehrerin bei ihrem Onkel.", 2),
        ("Clemens Hartwood was a painter who lived near a lake with his dog.", 2),
        ("Skell.", 3),
        ("Nia Vell worked in 1871, at the age of 41, in the harbour of", 3),
        ("She spent her life on a farm far from the sea and its storms.", 3),
        ("在斯克尔的港口。", 3),
        ("港口港口港口港口港口港口港口港口", 1),
    ],
)
def test_rating(response: str, rating: int) -> None:
    assert quality_rating(WORDS, ASKED, response, leaves_open=False) == rating


def test_a_response_that_leaves_the_question_open_is_on_it_but_may_loop() -> None:
    excuse = "I am sorry, but there is no information that I could give you."
    assert quality_rating(WORDS, ASKED, excuse, leaves_open=True) == 3
    assert quality_rating(WORDS, ASKED, f"{excuse} " * 5, leaves_open=True) == 1
