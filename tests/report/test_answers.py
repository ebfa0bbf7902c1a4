"""Answers of the methods meet in their question, whatever columns each file has."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import InputError
from pipeline.report.answers import answer_sets
from pipeline.tofu.results import write_rows as write_tofu_rows
from tests.report.inputs import answer_rows, write_run

TABLES: dict[str, dict[str, list[str]]] = {"project": {}, "tofu": {"methods": ["base", "npo"]}, "wpu": {}}


def test_base_and_student_stand_side_by_side(tmp_path: Path) -> None:
    write_run(tmp_path)
    (run, *others) = answer_sets(tmp_path, TABLES)
    assert run["methods"] == ["base", "student"]
    assert len(run["questions"]) == 12
    question = run["questions"][2]
    assert question["question"] == "Question number 2: where was Orla Brennick born?"
    assert question["answers"]["base"]["response"] == "base says that it was in town 2."
    assert question["answers"]["student"]["response"] == "student says that it was in town 2."
    assert all("missing" in other for other in others)


def test_methods_join_by_question_and_keep_their_own_columns(tmp_path: Path) -> None:
    rows = answer_rows("npo", 6)
    for method, chosen in (("npo", rows[::-1][:4]), ("base", rows[:3]), ("extra", rows)):
        folder = tmp_path / f"benchmarks/tofu/runs/{method}-0"
        folder.mkdir(parents=True)
        attacked = [row | {"many_shot_response": f"attacked {row['question_id']}"} for row in chosen]
        pl.DataFrame(attacked if method == "npo" else chosen).write_parquet(folder / "answers.parquet")
    found = answer_sets(tmp_path, TABLES)[2]
    assert found["methods"] == ["base", "npo", "extra"]  # the table's order, then what else ran
    by_question = {question["question"].split()[2]: question["answers"] for question in found["questions"]}
    assert by_question["5:"]["npo"]["many_shot_response"] == "attacked 5"
    assert set(by_question["0:"]) == {"base", "extra"}
    assert set(by_question["2:"]) == {"base", "npo", "extra"}
    assert "many_shot_response" not in by_question["2:"]["base"]


def test_rows_of_tofu_have_their_set_for_a_split(tmp_path: Path) -> None:
    for method in ("base", "npo"):
        run = tmp_path / f"benchmarks/tofu/runs/{method}-0"
        run.mkdir(parents=True)
        told = {"question": "Who wrote it?", "answer": "Orla Brennick", "rouge_l_recall": 0.5, "probability": 0.2}
        rows = [{"set": name, "response": f"{method} of {name}", **told} for name in ("forget", "world_facts")]
        write_tofu_rows(run / "rows.parquet", rows)
    (tofu,) = [found for found in answer_sets(tmp_path, TABLES) if found["source"] == "tofu"]
    assert tofu["methods"] == ["base", "npo"]
    assert [question["split"] for question in tofu["questions"]] == ["forget", "world_facts"]
    assert tofu["questions"][1]["answers"]["npo"]["response"] == "npo of world_facts"


def test_a_table_without_responses_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path)
    path = tmp_path / "evaluation/student/answers.parquet"
    pl.read_parquet(path).drop("response").write_parquet(path)
    with pytest.raises(InputError, match="lacks the column 'response'"):
        answer_sets(tmp_path, TABLES)
