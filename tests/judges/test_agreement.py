"""Agreement with labels: kappa against its textbook form, the file's faults, and how far the rules go."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.judges.agreement import agreement, read_labelled, weighted_kappa
from pipeline.judges.interface import Rating
from stages.agreement import main


def dense_kappa(one: list[int], other: list[int]) -> float | None:
    """1 - (weights · observed) / (weights · expected) over the whole confusion matrix."""
    observed = np.zeros((4, 4))
    for a, b in zip(one, other, strict=True):
        observed[a, b] += 1 / len(one)
    weights = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    chance = (weights * np.outer(observed.sum(1), observed.sum(0))).sum()
    return None if chance == 0 else 1 - (weights * observed).sum() / chance


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_kappa_is_the_textbooks(pairs: list[tuple[int, int]]) -> None:
    one, other = map(list, zip(*pairs, strict=True))
    found, expected = weighted_kappa(one, other), dense_kappa(one, other)
    assert found == pytest.approx(expected)
    assert found == weighted_kappa(other, one)


def test_kappa_of_perfect_and_of_constant_raters() -> None:
    assert weighted_kappa([1, 2, 3], [1, 2, 3]) == 1
    assert weighted_kappa([1, 2, 3, 2], [2, 2, 2, 2]) == 0
    assert weighted_kappa([2, 2], [2, 2]) is None


def test_an_unparsable_reply_is_a_disagreement_and_counted() -> None:
    found = agreement([0, 2, 1, 0], [Rating(0, ""), Rating(2, ""), Rating(None, "?"), Rating(1, "")])
    assert (found.count, found.exact, found.unparsable) == (4, 0.5, 1)
    assert found.kappa == weighted_kappa([0, 2, 0], [0, 2, 1])


def test_the_rules_agree_with_most_of_the_labels(project: Path) -> None:
    result = CliRunner().invoke(main, ["--show"])
    assert result.exit_code == 0, result.output
    table = [line.split() for line in result.output.splitlines() if line.startswith(("development", "held_out"))]
    assert [row[:3] for row in table] == [
        [part, rubric, "30"] for part in ("development", "held_out") for rubric in ("leak", "quality", "unavailable")
    ]
    assert all(float(row[4]) > 0.7 and row[5] == "0" for row in table)
    assert "asked 180, cached 0, unparsable 0" in result.output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"leak": 3}, "line 2: 'leak' is 3, but must be a whole number from 0 to 2"),
        ({"quality": 0}, "'quality' is 0"),
        ({"unavailable": "no"}, "'unavailable' is 'no', but must be true or false"),
        ({"part": "test"}, "'part' is 'test'"),
        ({"response": None}, "'response' must be a string"),
        ({"note": "x"}, "exactly the fields"),
    ],
)
def test_a_wrong_label_is_told_with_its_line(project: Path, change: dict[str, object], words: str) -> None:
    path = Path("data/judge/labelled.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), **change})
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_labelled()


def test_a_missing_params_file_is_told(project: Path) -> None:
    result = CliRunner().invoke(main, ["absent.yaml"])
    assert result.exit_code == 2
    assert "absent.yaml is missing" in result.output
