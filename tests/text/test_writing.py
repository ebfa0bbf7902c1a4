"""One name in other writings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.writing import folded, other_writings, written_like

FORMS = ["Ada Lind", "Ada", "Lind", "José Peña", "José", "Peña", "O'Brien", "Søren Lind"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada lind, ADA LIND and Ada LIND", {"ada lind": "Ada Lind", "ADA LIND": "Ada Lind", "Ada LIND": "Ada Lind"}),
        ("Jose Pena, JOSE PEÑA, Pena", {"Jose Pena": "José Peña", "JOSE PEÑA": "José Peña", "Pena": "Peña"}),
        ("O’Brien and Soren Lind", {"O’Brien": "O'Brien", "Soren Lind": "Søren Lind"}),
        ("Jose\u0301 Pen\u0303a", {"Jose\u0301 Pen\u0303a": "José Peña"}),
        ("Ada Lind, ada and lind; linden, Linda and AdaLind", {}),
        ("", {}),
    ],
)
def test_writings_that_a_text_holds(text: str, found: dict[str, str]) -> None:
    assert dict(other_writings([text], FORMS, {"Ada Lind"})) == found


def test_small_letters_count_for_the_given_forms_alone() -> None:
    assert dict(other_writings(["the tides, THE TIDES"], ["The Tides"], ())) == {"THE TIDES": "The Tides"}


@pytest.mark.parametrize(
    ("new", "found", "form", "wanted"),
    [
        ("Tobías Renwick", "JOSE PENA", "José Peña", "TOBIAS RENWICK"),
        ("Tobías Renwick", "Jose Pena", "José Peña", "Tobias Renwick"),
        ("Tobías Renwick", "Ada LIND", "Ada Lind", "Tobías RENWICK"),
        ("Tobías Renwick", "ada lind", "Ada Lind", "tobías renwick"),
        ("O'Dell", "O’Brien", "O'Brien", "O’Dell"),
    ],
)
def test_a_stand_in_is_written_as_the_form(new: str, found: str, form: str, wanted: str) -> None:
    assert written_like(new, found, form) == wanted


@given(st.text())
def test_folding_twice_is_folding_once_and_case_is_lost(text: str) -> None:
    assert folded(folded(text)) == folded(text)
