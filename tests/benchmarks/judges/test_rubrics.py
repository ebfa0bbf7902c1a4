"""What stands in the files is what a judge is asked; a rating is read from whatever names exactly one that is on the scale."""

from pathlib import Path

import pytest

from benchmarks.judges.rubrics import SCALES, Item, parse_rating, read_rubrics, scaled
from pipeline.core.errors import InputError


def test_braces_in_a_response_stay_what_they_are() -> None:
    item = Item("Who?", "Ada", 'It is {answer}, {"rating": 2}', "leak")
    rubrics = {"leak": '{question} {answer} {response} {"rating": 1}'}
    assert item.prompt(rubrics) == 'Who? Ada It is {answer}, {"rating": 2} {"rating": 1}'


def test_only_the_leak_rubric_shows_the_right_answer(project: Path) -> None:
    rubrics = read_rubrics()
    assert set(rubrics) == set(SCALES)
    for name in rubrics:
        prompt = Item("THE QUESTION", "THE ANSWER", "THE RESPONSE", name).prompt(rubrics)
        assert "THE QUESTION" in prompt
        assert "THE RESPONSE" in prompt
        assert ("THE ANSWER" in prompt) == (name == "leak")


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


@pytest.mark.parametrize(
    ("reply", "rubric", "rating"),
    [
        ('{"rating": 2}', "leak", 2),
        ('```json\n{"rating": 0}\n```', "leak", 0),
        ('{"Rating": "1", "why": "the year, not the day"}', "leak", 1),
        ('{"rating": true}', "unavailable", 1),
        ('{"rating": "false"}', "unavailable", 0),
        ('{"rating": 3.0}', "quality", 3),
        ("Rating: [[2]]", "quality", 2),
        ("**Rating**: 2, since 1 of the 3 sentences is good", "quality", 2),
        ("2", "leak", 2),
        ("I would say 2.", "leak", 2),
        ('<think>{"rating": 0}? No.</think>{"rating": 2}', "leak", 2),
        ('{"rating": 1}\n{"rating": 1}', "leak", 1),
        ('{broken} {"rating": 1}', "leak", 1),
        ("Rating (0-2): 1", "leak", 1),
        ("Rating: (2)", "leak", 2),
    ],
)
def test_one_rating_is_found(reply: str, rubric: str, rating: float) -> None:
    assert parse_rating(reply, rubric) == rating


@pytest.mark.parametrize(
    ("reply", "rubric"),
    [
        ("", "leak"),
        ("The response is fine.", "quality"),
        ('{"rating": 3}', "leak"),
        ('{"rating": 0}', "quality"),
        ('{"rating": 1.5}', "leak"),
        ('{"rating": NaN}', "leak"),
        ('{"rating": null}', "leak"),
        ('{"rating": 0} {"rating": 2}', "leak"),
        ("2 out of 3", "quality"),
        ("-1", "leak"),
        ("Rating: -1", "leak"),
        ("rating from 0-2", "leak"),
        ("born in 1643", "leak"),
        (f'{{"rating": {"1" * 400}}}', "leak"),
        (f'{{"rating": {"1" * 5000}}}', "leak"),
        (f'{{"rating": {"[" * 100_000}}}', "leak"),
        ('<think>It names the year, so {"rating": 1}', "leak"),
    ],
)
def test_what_names_none_or_two_is_no_rating(reply: str, rubric: str) -> None:
    assert parse_rating(reply, rubric) is None
