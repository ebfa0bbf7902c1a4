"""Every input of the report is optional, and one that is there but can't be read is told in a sentence."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.report.collect import collect
from pipeline.report.page import render
from tests.report.inputs import benchmark_table, write_benchmark, write_json, write_run, write_sweep


def test_an_empty_folder_says_of_each_part_which_command_makes_it(tmp_path: Path) -> None:
    data = collect(tmp_path)
    assert data["headline"] == []
    assert data["run"] == {"missing": "Left out: evaluation/metrics.json is missing; dvc repro evaluate makes it."}
    assert "python -m stages.sweep" in data["sweep"]["missing"]
    assert "dvc repro teacher" in data["teacher"]["missing"]
    assert all("missing" in table for table in data["benchmarks"].values())
    assert all("missing" in part for part in [*data["answers"], *data["curves"]])


def test_parts_are_found_one_by_one(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    write_benchmark(tmp_path, "wpu")
    data = collect(tmp_path)
    assert [row["names"] for row in data["sweep"]["rows"]] == [1, 5, 20]
    assert "missing" in data["benchmarks"]["tofu"]
    assert data["benchmarks"]["wpu"]["methods"][1] == "teacher_student"
    assert [found["source"] for found in data["answers"] if "questions" in found] == ["wpu"]
    assert [curve["source"] for curve in data["curves"] if "runs" in curve] == ["wpu"]


def test_a_benchmark_of_the_users_own_is_found_by_its_table(tmp_path: Path) -> None:
    write_benchmark(tmp_path, "our_clients")
    (tmp_path / "benchmarks/tuning").mkdir()
    data = collect(tmp_path)
    assert list(data["benchmarks"]) == ["project", "tofu", "wpu", "our_clients"]
    (answers,) = [found for found in data["answers"] if "questions" in found]
    assert (answers["source"], answers["title"]) == ("our_clients", "our clients")
    assert [curve["title"] for curve in data["curves"] if "runs" in curve] == ["our clients"]
    assert any(card["label"].startswith("our clients") for card in data["headline"])
    assert "<h3>our clients</h3>" in render(data)


def test_run_has_intervals_where_the_models_own_metrics_stand(tmp_path: Path) -> None:
    write_run(tmp_path)
    row = collect(tmp_path)["run"]["splits"][0]["rows"][0]
    assert row["base"] == {"mean": 0.5, "low": 0.2, "high": 0.6, "count": 12}
    (tmp_path / "evaluation/base/metrics.json").unlink()
    assert collect(tmp_path)["run"]["splits"][0]["rows"][0]["base"] == {"mean": 0.5}


def test_a_number_that_is_none_becomes_null(tmp_path: Path) -> None:
    table = benchmark_table("wpu")
    table["values"]["npo"]["efficacy.rouge_l_recall"]["mean"] = float("nan")
    write_json(tmp_path / "benchmarks/wpu/table.json", table)
    assert collect(tmp_path)["benchmarks"]["wpu"]["values"]["npo"]["efficacy.rouge_l_recall"]["mean"] is None


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("benchmarks/wpu/table.json", "{", "benchmarks/wpu/table.json is not valid JSON"),
        ("benchmarks/wpu/table.json", "[]", "must hold a JSON object"),
        ("benchmarks/wpu/table.json", "{}", "lacks 'methods'"),
        ("evaluation/base/answers.parquet", "no table", "can't be read as Parquet"),
        ("evaluation/distill_curve.csv", "step,forget_kl\n0,much\n", "line 2"),
        ("docs/names_sweep.csv", "count,forgotten\n1,0.5\n", "lacks the column 'names'"),
        ("params.yaml", "model:\n  sauce: x\n", "model.sauce is unknown"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, file: str, text: str, told: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        collect(tmp_path)
    assert told in raised.value.message
    assert path.name in raised.value.message
