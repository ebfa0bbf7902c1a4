"""Agreement with labels: kappa against its textbook form, the file's faults, and how far the rules go."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.judges.agreement import agreement, agreement_lines, read_labelled
from benchmarks.judges.rubrics import SCALES
from benchmarks.stages.agreement import main
from pipeline.core.errors import InputError


def dense_kappa(one: list[int], other: list[int]) -> float | None:
    """1 - (weights · observed) / (weights · expected) over the whole confusion matrix."""
    observed = np.zeros((4, 4))
    for a, b in zip(one, other, strict=True):
        observed[a, b] += 1 / len(one)
    weights = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    chance = (weights * np.outer(observed.sum(1), observed.sum(0))).sum()
    return None if chance == 0 else 1 - (weights * observed).sum() / chance


def kappa(one: list[int], other: list[int]) -> float | None:
    return agreement(one, list(map(float, other)))[1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_kappa_is_the_textbooks(pairs: list[tuple[int, int]]) -> None:
    one, other = map(list, zip(*pairs, strict=True))
    found, expected = kappa(one, other), dense_kappa(one, other)
    assert found == pytest.approx(expected)
    assert found == pytest.approx(kappa(other, one))


def test_kappa_of_perfect_and_of_constant_raters() -> None:
    assert kappa([1, 2, 3], [1, 2, 3]) == 1
    assert kappa([1, 2, 3, 2], [2, 2, 2, 2]) == 0
    assert kappa([2, 2], [2, 2]) is None
    assert agreement([1], [None]) == (0, None)


def test_an_unparsable_reply_is_a_disagreement_and_counted() -> None:
    exact, beyond_chance = agreement([0, 2, 1, 0], [0.0, 2.0, None, 1.0])
    assert (exact, beyond_chance) == (0.5, kappa([0, 2, 0], [0, 2, 1]))
    labelled = [one for one in read_labelled() if one.part == "held_out"][:2]
    ratings = {rubric: [None, float(labelled[1].label(rubric))] for rubric in SCALES}
    rows = [line.split() for line in list(agreement_lines(labelled, ratings))[1:]]
    assert [row[2:] for row in rows] == [["2", "0.50", "-", "1"]] * 3


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
        ({"leak": 3}, "labelled.jsonl, line 2: 'leak' is 3, but must be one of 0, 1, 2"),
        ({"quality": 0}, "'quality' is 0, but must be one of 1, 2, 3"),
        ({"unavailable": "no"}, "'unavailable' must be true or false"),
        ({"part": "test"}, "'part' is 'test', but must be one of 'development', 'held_out'"),
        ({"response": 7}, "'response' must be a string"),
        ({"response": None}, "'response' is missing"),
        ({"note": "x"}, "'note' is unknown; the fields are part, question"),
    ],
)
def test_a_wrong_label_is_told_with_its_line(project: Path, change: dict[str, object], words: str) -> None:
    path = Path("data/judge/labelled.jsonl")
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] = json.dumps({**json.loads(lines[1]), **change})
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_labelled()


def test_labels_are_on_the_rubrics_scales(project: Path) -> None:
    labelled = read_labelled()
    assert {rubric: {one.label(rubric) for one in labelled} for rubric in SCALES} == {
        rubric: set(range(low, high + 1)) for rubric, (low, high) in SCALES.items()
    }


def test_a_missing_params_file_is_told(project: Path) -> None:
    result = CliRunner().invoke(main, ["absent.yaml"])
    assert result.exit_code == 2
    assert "absent.yaml is missing" in result.output
