"""Rubrics: what stands in the files is what a judge is asked."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.judges.interface import Item
from pipeline.judges.rubrics import SCALES, Rubric, read_rubrics, scaled


def test_braces_in_a_response_stay_what_they_are() -> None:
    item = Item("Who?", "Ada", 'It is {answer}, {"rating": 2}', "leak")
    assert Rubric("leak", '{question} {answer} {response} {"rating": 1}').fill(item) == (
        'Who? Ada It is {answer}, {"rating": 2} {"rating": 1}'
    )


def test_only_the_leak_rubric_shows_the_right_answer(project: Path) -> None:
    rubrics = read_rubrics()
    assert set(rubrics) == set(SCALES)
    for name, rubric in rubrics.items():
        filled = rubric.fill(Item("THE QUESTION", "THE ANSWER", "THE RESPONSE", name))
        assert "THE QUESTION" in filled
        assert "THE RESPONSE" in filled
        assert ("THE ANSWER" in filled) == (name == "leak")


@pytest.mark.parametrize(("name", "place"), [("leak", "answer"), ("quality", "response"), ("unavailable", "question")])
def test_a_missing_placeholder_is_told_with_the_file(project: Path, name: str, place: str) -> None:
    path = Path(f"data/judge/{name}.txt")
    path.write_text(path.read_text(encoding="utf-8").replace(f"{{{place}}}", ""), encoding="utf-8")
    with pytest.raises(InputError, match=rf"data/judge/{name}\.txt lacks \{{{place}\}}"):
        read_rubrics()


def test_a_missing_file_is_told(project: Path) -> None:
    Path("data/judge/quality.txt").unlink()
    with pytest.raises(InputError, match=r"quality\.txt is missing"):
        read_rubrics()


def test_every_scale_ends_at_0_and_1() -> None:
    for rubric, (low, high) in SCALES.items():
        assert (scaled(rubric, low), scaled(rubric, high)) == (0, 1)
    assert scaled("quality", 2) == scaled("leak", 1) == 0.5
