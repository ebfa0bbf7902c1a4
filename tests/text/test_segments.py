"""Cutting a text at the mentions of a target."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text.segments import Segment, rename, split_mentions

FORMS = ["Newton", "Isaac", "Isaac Newton", "Sir Isaac"]


def mentions(text: str, forms: list[str]) -> list[str]:
    return [segment.text for segment in split_mentions(text, forms) if segment.mention]


@pytest.mark.parametrize("forms", [FORMS, FORMS[::-1]])
def test_longest_form_wins_in_any_order(forms: list[str]) -> None:
    assert mentions("Isaac Newton met Newton and Isaac.", forms) == ["Isaac Newton", "Newton", "Isaac"]


def test_possessive_ending_stays_outside() -> None:
    assert split_mentions("Newton's and Newton’s laws", ["Newton"]) == [
        Segment("Newton", True),
        Segment("'s and ", False),
        Segment("Newton", True),
        Segment("’s laws", False),
    ]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a Newtonian telescope", "Newton"),
        ("the Antinewton and XNewton", "Newton"),
        ("Newton_2 and Newton2", "Newton"),
        ("Ren\u00e9e", "Ren"),
        ("Rene\u0301e", "Rene"),
        ("cafe\u0301Rene", "Rene"),
        ("रामायण", "राम"),
    ],
)
def test_no_mention_inside_another_word(text: str, form: str) -> None:
    assert mentions(text, [form]) == []


def test_punctuation_does_not_hide_a_mention() -> None:
    assert mentions('("Newton," he said—Newton; Newton.)\nNewton', ["Newton"]) == ["Newton"] * 4


@pytest.mark.parametrize(
    ("text", "form"),
    [("昨日湯川秀樹が来た", "湯川秀樹"), ("และไอแซกนิวตันก็", "ไอแซกนิวตัน"), ("あのアイザックは", "アイザック")],
)
def test_mention_in_text_without_spaces(text: str, form: str) -> None:
    assert mentions(text, [form]) == [form]


def test_case_matters() -> None:
    assert mentions("one newton is a unit", ["Newton"]) == []


def test_forms_are_plain_text_not_patterns() -> None:
    assert mentions("J. Doe and JX Doe", ["J. Doe"]) == ["J. Doe"]
    assert mentions("Who (a band)", ["Who (a band)"]) == ["Who (a band)"]


def test_no_forms_leave_the_text_whole() -> None:
    assert split_mentions("Newton", []) == [Segment("Newton", False)]
    assert split_mentions("", ["Newton"]) == []


PIECES = st.one_of(st.sampled_from([*FORMS, " ", "'s", "\n", "湯川", "é", "e\u0301", "🙂"]), st.text(max_size=4))


FORM_LISTS = st.lists(st.sampled_from([*FORMS, "湯川"]) | st.text(max_size=3), max_size=5)


@given(st.lists(PIECES, max_size=12).map("".join), FORM_LISTS)
def test_segments_join_to_the_text(text: str, forms: list[str]) -> None:
    segments = split_mentions(text, forms)
    assert "".join(segment.text for segment in segments) == text
    assert all(segment.text for segment in segments)
    assert all(segment.text in forms for segment in segments if segment.mention)
    assert all(first.mention or second.mention for first, second in pairwise(segments))


def test_rename_replaces_mentions_only() -> None:
    segments = [Segment("Newton", True), Segment(" is no Newton: ", False), Segment("Isaac", True)]
    assert rename(segments, {"Newton": "Lind"}) == ["Lind", " is no Newton: ", "Isaac"]
    assert rename(segments, {}) == ["Newton", " is no Newton: ", "Isaac"]
