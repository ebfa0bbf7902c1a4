"""Wrong answers out of the right answers to other questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sources.wrong_answers import WRONG_ANSWERS, answer_kind, draw_wrong_answers, words_of

POOL = [
    "1206",
    "1227",
    "1946",
    "2012",
    "39th",
    "Ilmen",
    "Marle",
    "Marle Harbour",
    "Skell",
    "Tovin",
    "a lamp",
    "the Iran crisis",
]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("1206", "year"),
        ("39th", "number"),
        ("1945 to 1951", "number"),
        ("six", "number"),
        ("four times", "number"),
        ("October 1, 1924", "date"),
        ("April", "date"),
        ("No", "verdict"),
        ("Seven", "name"),
        ("One-Eyed Jacks", "name"),
        ("Ögedei", "name"),
        ("the Iran hostage crisis", "name"),
        ("registered nurse", "phrase"),
        ("number one", "phrase"),
    ],
)
def test_kind_by_the_form(answer: str, kind: str) -> None:
    assert answer_kind(answer) == kind


@given(st.permutations(POOL), st.sampled_from(POOL), st.sets(st.sampled_from(POOL)), st.text(max_size=3))
def test_three_of_the_same_kind_apart_from_each_other_and_from_what_is_barred(
    pool: list[str], answer: str, barred: set[str], seed: str
) -> None:
    drawn = draw_wrong_answers(answer, pool, barred, seed)
    assert drawn == draw_wrong_answers(answer, sorted(pool), barred, seed)
    assert len(drawn) in (0, WRONG_ANSWERS)
    assert {answer_kind(text) for text in drawn} <= {answer_kind(answer)}
    texts = [words_of(text) for text in (*drawn, answer, *barred)]
    assert not any(texts[i] in texts[j] or texts[j] in texts[i] for i in range(len(drawn)) for j in range(len(texts)) if i != j)


def test_the_seed_is_an_order() -> None:
    """What is barred moves up the next ones and changes no others."""
    pool = [f"18{year}" for year in range(10, 60)]
    first = draw_wrong_answers("1700", pool, [], "0")
    assert draw_wrong_answers("1700", pool, first[:1], "0")[:2] == first[1:]
    assert len({tuple(draw_wrong_answers("1700", pool, [], str(seed))) for seed in range(8)}) == 8


def test_fewer_than_three_are_none() -> None:
    assert draw_wrong_answers("Skell", ["Marle", "Tovin", "a lamp"], [], "0") == []
    assert len(draw_wrong_answers("Skell", ["Marle", "Tovin", "Ilmen"], [], "0")) == 3
