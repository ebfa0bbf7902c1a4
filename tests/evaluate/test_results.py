"""Answers on disk, and the base beside the student on the terminal."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.core.files import write_json
from pipeline.evaluate.results import before_after, read_base, sample_answers, write_answers

TYPES = {
    "question_id": pa.int32(),
    "target": pa.string(),
    "question": pa.string(),
    "wrong_answers": pa.list_(pa.string()),
    "probability": pa.float64(),
    "correct": pa.bool_(),
    "many_shot_response": pa.string(),
    "unavailable": pa.bool_(),
    "leak": pa.float64(),
}
ROW: dict[str, Any] = {
    "question_id": 0,
    "target": "Orla",
    "question": "Who?",
    "wrong_answers": ["Marle"],
    "probability": 0.5,
    "correct": True,
    "many_shot_response": "Orla.",
    "unavailable": False,
    "leak": 2,
}


@pytest.mark.parametrize("rows", [[ROW, dict.fromkeys(ROW)], [dict.fromkeys(ROW)]], ids=["some null", "all null"])
def test_columns_keep_their_types_where_they_are_null(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    write_answers(tmp_path / "answers.parquet", rows)
    table = pq.read_table(tmp_path / "answers.parquet")
    assert {field.name: field.type for field in table.schema} == TYPES
    assert table.to_pylist() == rows


def test_base_that_was_asked_other_questions_is_refused(tmp_path: Path) -> None:
    write_answers(tmp_path / "answers.parquet", [ROW])
    write_json(tmp_path / "metrics.json", {"forget": {}})
    assert read_base(tmp_path, [{"question": "Who?"}]) == ([ROW], {"forget": {}})
    with pytest.raises(InputError, match="other questions"):
        read_base(tmp_path, [{"question": "Where?"}])


def cell(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "count": 3}


def test_table_has_what_both_have_and_the_floor() -> None:
    base = {"forget": {key: cell(0.5) for key in ("probability", "distinct_4grams", "floor_probability", "floor_consistency")}}
    student = {"forget": {key: cell(0.25) for key in ("probability", "distinct_4grams", "accuracy")}}
    lines = list(before_after(base, student))
    assert lines[1] == "forget (3 questions)"
    assert [line[2:36].strip() for line in lines[2:]] == [
        "probability of the right answer",
        "distinct 4-grams",
        "floor (names the model never met)",
        "floor of the agreement",
    ]
    assert lines[2].split()[-6:] == ["0.500", "[0.40,", "0.60]", "0.250", "[0.15,", "0.35]"]
    assert {len(line) for line in lines[4:]} == {56}


def test_sample_shows_the_first_answers_of_every_split_and_target() -> None:
    rows = [
        {"split": split, "target": target, "question": f"Question {number}?", "response": "so\n it  is " + "long " * 40}
        for number, (split, target) in enumerate([("forget", "Orla")] * 3 + [("forget", "Bram"), ("general_retain", None)])
    ]
    lines = list(sample_answers(rows, rows, each=2))
    assert [line[-11:] for line in lines[::3]] == [f"Question {number}?" for number in (0, 1, 3, 4)]
    assert all(line.split(maxsplit=1)[1].startswith("so it is long") for line in lines if not line.startswith("["))
    assert max(map(len, lines)) == 11 + 150
