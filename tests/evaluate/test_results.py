"""Answers on disk, metrics and bootstrap intervals from them, and the base beside the student on the terminal."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.evaluate.params import EvaluateParams
from pipeline.evaluate.results import (
    before_after,
    read_base,
    sample_answers,
    side_by_side,
    split_metrics,
    summary,
    write_answers,
)

TYPES = {
    "question_id": pa.int32(),
    "target": pa.string(),
    "question": pa.string(),
    "level": pa.int32(),
    "type": pa.string(),
    "neighbour": pa.string(),
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
    "level": 1,
    "type": "cloze",
    "neighbour": "Skell",
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
    numbers = ("paraphrased_probability", "rouge_l_recall", "distinct_4grams", "floor_probability", "self_consistency")
    numbers += ("sampled_said", "sampled_leak", "floor_sampled_said", "floor_sampled_leak")
    row = {
        **ROW,
        "split": "forget",
        "response": "Orla.",
        "names_stand_in": False,
        "answer_said": False,
        **dict.fromkeys(numbers, 0.5),
    }
    write_answers(tmp_path / "answers.parquet", [{**row, "floor_consistency": None}])
    (read,) = read_base(tmp_path, [{"question": "Who?"}])
    assert (read["response"], read["probability"], read["floor_consistency"]) == ("Orla.", 0.5, None)
    with pytest.raises(InputError, match="other questions"):
        read_base(tmp_path, [{"question": "Where?"}])
    write_answers(tmp_path / "answers.parquet", [row])
    with pytest.raises(InputError, match=r"answers\.parquet lacks the column 'floor_consistency'"):
        read_base(tmp_path, [{"question": "Who?"}])


def cell(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "count": 3}


def test_table_has_what_both_have_and_the_floor() -> None:
    base = {"forget": {key: cell(0.5) for key in ("probability", "distinct_4grams", "floor_probability", "floor_consistency")}}
    student = {"forget": {key: cell(0.25) for key in ("probability", "distinct_4grams", "accuracy")}}
    few = {"above_floor": 0.1, "forgotten": 0.5, "forgotten_low": 0.4, "forgotten_high": 0.61}
    lines = list(before_after(base, student, few))
    assert lines[1] == "forget (3 questions)"
    assert lines.pop().split() == ["forgotten", "0.500", "[0.40,", "0.61]"]
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


PARAMS = EvaluateParams(bootstrap_samples=200)


def row(split: str, probability: float | None, **changes: Any) -> dict[str, Any]:
    return {
        "split": split,
        "target": "Orla" if split == "forget" else None,
        "probability": probability,
        "paraphrased_probability": None,
        "correct": None if probability is None else probability > 0.5,
        "rouge_l_recall": 0.5,
        "distinct_4grams": 1.0,
        "floor_probability": None,
        "self_consistency": None,
        "floor_consistency": None,
        **dict.fromkeys(("sampled_said", "sampled_leak", "floor_sampled_said", "floor_sampled_leak")),
        "answer_said": False,
        "names_stand_in": False,
        **changes,
    }


BASE = [
    row("forget", 0.9, floor_probability=0.3),
    row("forget", 0.7, floor_probability=0.3),
    row("forget", None),
    row("hard_retain", 0.8),
    row("general_retain", 0.5),
]
STUDENT = [
    row("forget", 0.5, names_stand_in=True, distinct_4grams=0.4),
    row("forget", 0.3),
    row("forget", None, names_stand_in=True),
    row("hard_retain", 0.6),
    row("general_retain", 0.55, names_stand_in=True, distinct_4grams=0.6),
]


def metrics(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return split_metrics(rows, PARAMS)


def test_means_are_over_the_questions_that_have_the_measure() -> None:
    forget = metrics(BASE)["forget"]
    assert (forget["probability"]["mean"], forget["probability"]["count"]) == (0.8, 2)
    assert (forget["accuracy"]["mean"], forget["accuracy"]["count"]) == (1.0, 2)
    assert (forget["rouge_l_recall"]["mean"], forget["rouge_l_recall"]["count"]) == (0.5, 3)
    assert forget["names_stand_in"] == 0
    assert metrics(STUDENT)["forget"]["names_stand_in"] == 2


def test_measure_and_split_without_a_question_are_left_out() -> None:
    result = metrics(BASE[:3])
    assert list(result) == ["forget"]
    assert "paraphrased_probability" not in result["forget"]
    assert "floor_probability" not in metrics(STUDENT)["forget"]


def test_summary_measures_the_way_to_the_floor_and_what_is_kept() -> None:
    assert summary(metrics(BASE), metrics(STUDENT)) == pytest.approx(
        {
            "above_floor": 0.1,
            "forgotten": 0.8,
            "kept_hard_retain": 0.75,
            "kept_general_retain": 1.1,
            "distinct_4grams": 0.8,
            "names_stand_in": 3,
        }
    )


def test_summary_tells_how_much_sampled_answers_agree() -> None:
    base = [row("forget", 0.9, self_consistency=0.8, floor_consistency=0.2), row("forget", 0.9, floor_consistency=0.4)]
    student = [row("forget", 0.2, self_consistency=0.5), row("forget", 0.2), row("hard_retain", 0.5)]
    result = summary(metrics(base), metrics(student))
    assert result["self_consistency"] == pytest.approx(0.5)
    assert result["floor_consistency"] == pytest.approx(0.3)
    assert "self_consistency" not in summary(metrics(BASE), metrics(STUDENT))


def test_summary_of_an_unchanged_student() -> None:
    result = summary(metrics(BASE), metrics(BASE))
    assert result["forgotten"] == 0.0
    assert result["above_floor"] == pytest.approx(0.5)
    assert result["kept_hard_retain"] == result["kept_general_retain"] == result["distinct_4grams"] == 1.0


def test_nothing_was_known_so_nothing_is_said_to_be_forgotten() -> None:
    base = [row("forget", 0.2, floor_probability=0.3)]
    result = summary(metrics(base), metrics([row("forget", 0.3)]))
    assert "forgotten" not in result
    assert result["above_floor"] == 0.0


def test_summary_of_a_base_that_never_gives_the_right_answer() -> None:
    base, student = [row("hard_retain", 1e-6)], [row("hard_retain", 0.2)]
    assert summary(metrics(base), metrics(student))["distinct_4grams"] == 1.0


def test_side_by_side_puts_the_means_together() -> None:
    result = side_by_side(metrics(BASE), metrics(STUDENT))
    assert result["forget"]["probability"] == {"base": 0.8, "student": 0.4}
    assert result["forget"]["floor_probability"] == {"base": 0.3}
    assert result["general_retain"]["distinct_4grams"] == {"base": 1.0, "student": 0.6}
    assert all("names_stand_in" not in measures for measures in result.values())
