"""Whether the words around a form let it mean the target."""

import pytest

from pipeline.text.forms import NAME, TITLE, WORD, Form
from pipeline.text.segments import split_mentions

NEWTON = ["Isaac Newton", Form("Isaac", NAME), "Newton"]
CURIE = ["Marie Curie", Form("Marie", NAME), "Curie"]
CHARLES = ["King Charles III", "Charles III", Form("Charles", NAME)]
SMITH = ["Will Smith", Form("Will", WORD), "Smith"]
MAY = ["Theresa May", Form("Theresa", NAME), Form("May", WORD)]
KING = ["Martin Luther King Jr.", "Martin Luther King", Form("Martin", NAME), Form("King", TITLE)]


@pytest.mark.parametrize(
    ("forms", "text", "found"),
    [
        (NEWTON, "Isaac read. Isaac's book, by Isaac.", ["Isaac"] * 3),
        (NEWTON, "Isaac Asimov, Isaac B. Singer, Isaac van Amburgh, Isaac II and Isaac of Nineveh", []),
        (NEWTON, "Isaac Barrow taught Newton and Isaac Newton.", ["Newton", "Isaac Newton"]),
        (CURIE, "Marie Skłodowska Curie and Marie Skłodowska-Curie", ["Marie", "Curie"] * 2),
        (CURIE, "Pierre Curie", ["Curie"]),
        (CHARLES, "Charles II met Charles III and Charles.", ["Charles III", "Charles"]),
        (SMITH, "Will he come? “Will it rain?” Will Rogers, a Will", []),
        (SMITH, "She saw Will, then Will Smith. But Will left, and Mr. Will stayed.", ["Will", "Will Smith", "Will", "Will"]),
        (MAY, "In May 1990, on 8 May, since May, by May 5. May be.", []),
        (MAY, "Brian May and Brian May's hair", []),
        (MAY, "Then May resigned; Theresa May, Prime Minister May, said May.", ["May", "Theresa May", "May", "May"]),
        (KING, "King was shot. Dr. King, Martin King.", ["King", "King", "Martin", "King"]),
        (KING, "King George, the King, King of Spain, Stephen King, B. B. King, B.B. King", []),
        (KING, "Martin Luther nailed it; Martin Luther King marched.", ["Martin Luther King"]),
    ],
)
def test_a_form_counts_where_it_can_mean_nobody_else(forms: list[str], text: str, found: list[str]) -> None:
    segments = split_mentions(text, forms)
    assert [segment.text for segment in segments if segment.mention] == found
    assert "".join(segment.text for segment in segments) == text


def test_a_plain_form_counts_anywhere() -> None:
    assert [s.text for s in split_mentions("Will he? Will Rogers", ["Will"]) if s.mention] == ["Will", "Will"]
