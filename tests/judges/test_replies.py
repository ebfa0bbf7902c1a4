"""A rating is read from whatever names exactly one that is on the scale, and from nothing else."""

import pytest

from pipeline.judges.replies import parse_rating


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
        ('<think>It names the year, so {"rating": 1}', "leak"),
    ],
)
def test_what_names_none_or_two_is_no_rating(reply: str, rubric: str) -> None:
    assert parse_rating(reply, rubric) is None
