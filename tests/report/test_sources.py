"""What is found: answers side by side, numbers with their meaning, and where they come from, inside git and outside."""

import hashlib
import subprocess
from pathlib import Path

import polars as pl
import pytest

from pipeline.core.errors import InputError
from pipeline.core.files import write_json
from pipeline.core.outputs import write_parquet
from pipeline.report.page import headline
from pipeline.report.sources import answer_sets, fidelity, folder_now
from tests.report.inputs import answer_rows, benchmark_table, write_run

TABLES: dict[str, dict[str, list[str]]] = {"project": {}, "tofu": {"methods": ["base", "npo"]}, "wpu": {}}


def test_run_numbers_have_their_meaning() -> None:
    summary = {
        "forgotten": 0.8,
        "distinct_4grams": 0.8072,
        "names_stand_in": 0,
        "self_consistency": 0.1,
        "floor_consistency": 0.2,
    }
    cards = list(headline({"summary": summary}, {}))
    assert [(label, value) for value, label, _ in cards] == [
        ("variety of wording", "80.7\u202f%"),
        ("stand-ins named", "0"),
        ("sampled answers agree", "0.100"),
    ]
    assert cards[2][2].endswith("0.200")


def test_criteria_led_are_counted_without_the_base() -> None:
    table = benchmark_table("wpu")
    table["bars"] = {
        "efficacy": {"base": 0.2, "teacher_student": 1.0, "npo": 0.9},
        "utility": {"base": 1.0, "teacher_student": 0.95, "npo": 0.9},
        "quality": {"base": 1.0, "teacher_student": 0.8, "npo": 0.9},
    }
    ((value, _, meaning),) = headline({}, {"wpu": table})
    assert value == "2 of 3"
    assert "of 2 methods" in meaning


def test_scatter_values_of_our_method_stand_beside_the_base() -> None:
    cards = headline({}, {"tofu": benchmark_table("tofu")})
    assert ("TOFU: forget quality", "0.001") in [(label, value) for value, label, _ in cards]


def test_nothing_measured_says_nothing() -> None:
    assert list(headline({"missing": "…"}, {"tofu": {"missing": "…"}})) == []


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
        folder = tmp_path / f"benchmarks/results/tofu/runs/{method}-0"
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
        run = tmp_path / f"benchmarks/results/tofu/runs/{method}-0"
        run.mkdir(parents=True)
        told = {"question": "Who wrote it?", "answer": "Orla Brennick", "rouge_l_recall": 0.5, "probability": 0.2}
        rows = [{"set": name, "response": f"{method} of {name}", **told} for name in ("forget", "world_facts")]
        write_parquet(run / "rows.parquet", rows)
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


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    facts = folder_now(tmp_path)
    assert (facts["commit"], facts["dirty"], facts["data"]) == ("none", False, [])
    assert "torch" in {package["name"] for package in facts["packages"]}


def test_a_changed_file_makes_it_dirty(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/targets.jsonl").write_text("{}\n", encoding="utf-8")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    assert len(folder_now(tmp_path)["commit"]) == 40
    assert not folder_now(tmp_path)["dirty"]
    (tmp_path / "new.txt").write_text("not tracked", encoding="utf-8")
    assert not folder_now(tmp_path)["dirty"]
    (tmp_path / "data/targets.jsonl").write_text("{ }\n", encoding="utf-8")
    assert folder_now(tmp_path)["dirty"]


def test_files_have_the_hash_of_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "data/names").mkdir(parents=True)
    (tmp_path / "data/judge").mkdir()
    (tmp_path / "benchmarks/results/tofu/prepared").mkdir(parents=True)
    files = (
        "data/targets.jsonl",
        "data/names/en.txt",
        "data/judge/leak.txt",
        "benchmarks/results/tofu/prepared/passages.parquet",
    )
    for file in files:
        (tmp_path / file).write_text(file, encoding="utf-8")
    facts = folder_now(tmp_path)
    for told in facts["data"]:
        assert told["sha256"] == hashlib.sha256(told["file"].encode()).hexdigest()
    assert {told["file"] for told in facts["data"]} == set(files)


def test_fidelity_has_its_few_numbers_where_it_was_measured(tmp_path: Path) -> None:
    assert fidelity(tmp_path)["command"] == "nevermet fidelity"
    row = {"K": 128, "total_variation_mean": 0.02, "logit_cosine": 0.99, "gradient_cosine": 0.98}
    write_json(tmp_path / "evaluation/fidelity.json", {"shards": row, "alignment": {"lost_share": 0.01}})
    assert list(fidelity(tmp_path)["facts"].values()) == [128, 0.02, 0.99, 0.98, 0.01]
    write_json(tmp_path / "evaluation/fidelity.json", {"shards": row})
    with pytest.raises(InputError, match="nevermet fidelity"):
        fidelity(tmp_path)
