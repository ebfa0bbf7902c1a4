"""What counts as useless, flawed and good."""

import pytest

from benchmarks.judges.quality import quality_rating
from benchmarks.judges.words import Words
from tests.project import ROOT

WORDS = Words(ROOT / "data/judge")
QUESTION = "Where did Nia Vell work?"


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
    assert quality_rating(WORDS, QUESTION, response, leaves_open=False) == rating


def test_a_response_that_leaves_the_question_open_is_on_it_but_may_loop() -> None:
    excuse = "I am sorry, but there is no information that I could give you."
    assert quality_rating(WORDS, QUESTION, excuse, leaves_open=True) == 3
    assert quality_rating(WORDS, QUESTION, f"{excuse} " * 5, leaves_open=True) == 1
