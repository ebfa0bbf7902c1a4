"""TOFU on the small model, from the benchmark's files to the table: learn, forget, measure against the gold standard."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.text.passages import read_passages
from tests.benchmarks.suite.config import write_config
from tests.benchmarks.tofu.benchmark import write_benchmark
from tests.project import LEARNING_RATE, invoke, make_project, set_params, succeed

TEACHER = {
    "engine": "transformers",
    "names": 2,
    "top_k": 16,
    "forget_from": ["given"],
    "retain_from": ["given"],
}
TRAINED = {"learning_rate": LEARNING_RATE, "epochs": 1}
METHODS: dict[str, Any] = {
    "teacher_student": {"teacher": {**TEACHER, "own_name": True}, "distill": TRAINED},
    "gradient_difference": {"baseline": {"objective": "gradient_difference", **TRAINED}},
    "prompting": {"prompting": {}},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The project after every stage of the benchmark."""
    folder = make_project(tmp_path_factory.mktemp("tofu"), tiny_model)
    set_params(folder, {"elicit.engine": "transformers", "teacher.engine": "transformers"})
    (folder / "rows").mkdir()
    write_benchmark(folder / "rows")
    params = {
        "prepare": {"source": "tofu", "subset": "forget01", "path": "rows", "questions_per_split": 4},
        "elicit": {"templates": 0},
        "held_out": {"engine": "transformers", "names": 2, "top_k": 16},
        "finetune": {"learning_rate": 3e-3, "epochs": 2},
        "tofu": {"engine": "transformers", "max_new_tokens": 4, "retain_rows": 8, "rows_per_set": 4},
        "methods": METHODS,
    }
    write_config(folder, "tofu", params)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        succeed("base")
        succeed("benchmarks.stages.prepare", "tofu")
        succeed("benchmarks.stages.elicit", "tofu")
        for part in ("base", "retain_only"):
            succeed("benchmarks.stages.finetune", "tofu", part)
        succeed("benchmarks.stages.held_out", "tofu")
        succeed("benchmarks.stages.teacher", "tofu", "teacher_student")
        succeed("benchmarks.stages.tofu", "tofu", "retain_only")
        succeed("benchmarks.stages.tofu", "tofu", "base")
        for method in METHODS:
            succeed("benchmarks.stages.unlearn", "tofu", method)
            succeed("benchmarks.stages.tofu", "tofu", method)
        succeed("benchmarks.stages.table", "tofu")
    return folder / "benchmarks/results/tofu"


@pytest.fixture(scope="module")
def table(finished: Path) -> dict[str, Any]:
    return json.loads((finished / "table.json").read_text(encoding="utf-8"))


def test_target_learned_the_forget_rows_and_the_gold_standard_did_not(table: dict[str, Any]) -> None:
    learned, never = (table["values"][row]["tofu.forget_probability"]["mean"] for row in ("base", "retain_only"))
    assert learned > never


def test_table_has_the_references_the_methods_and_the_scatter(table: dict[str, Any]) -> None:
    assert table["methods"] == ["base", "retain_only", *METHODS]
    assert table["scatter"] == {"x": "tofu.model_utility", "y": "tofu.forget_quality"}
    for method in METHODS:
        assert 0 <= table["values"][method]["tofu.forget_quality"]["mean"] <= 1
        assert table["values"][method]["tofu.model_utility"] is not None


def test_distance_from_the_counterfactual_teacher_is_told_of_the_gold_standard_too(table: dict[str, Any]) -> None:
    gaps = {method: table["values"][method]["gap.interventional"]["mean"] for method in table["methods"]}
    assert gaps["base"] == 1
    assert gaps["retain_only"] not in (0, 1)
    assert gaps["teacher_student"] < 1


def test_gold_standard_has_no_forget_quality_and_says_why(table: dict[str, Any], finished: Path) -> None:
    assert table["values"]["retain_only"]["tofu.forget_quality"] is None
    left_out = json.loads((finished / "runs/retain_only-0/tofu.json").read_text(encoding="utf-8"))["left_out"]
    assert "retain" in left_out["tofu.forget_quality"]


def test_retain_passages_are_trained_rows_that_are_not_asked(finished: Path) -> None:
    retain = {"".join(s.text for s in p.question) for p in read_passages(finished / "prepared") if p.kind == "retain"}
    rows = pl.read_parquet(finished / "runs/base-0/rows.parquet")
    asked = set(rows.filter(pl.col("set") == "retain")["question"])
    outside = set(rows.filter(pl.col("set") == "non_members")["question"])
    assert retain and not retain & asked and not retain & outside


def test_without_the_gold_standard_forget_quality_is_left_out(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[2])
    shutil.move(finished / "runs/retain_only-0", finished / "away")
    printed = succeed("benchmarks.stages.tofu", "tofu", "base").output
    shutil.move(finished / "away", finished / "runs/retain_only-0")
    assert "left out: tofu.forget_quality" in printed and "retain" in printed


def test_benchmark_without_the_sections_says_which_are_missing(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[2])
    Path("benchmarks/configs/other.yaml").write_text("methods: {asked: {prompting: {}}}\n", encoding="utf-8")
    for words in (
        ("benchmarks.stages.finetune", "other", "base"),
        ("benchmarks.stages.tofu", "other", "base"),
    ):
        result = invoke(*words)
        assert result.exit_code == 2 and "benchmarks/configs/other.yaml" in result.output and "prepare" in result.output
    result = invoke("benchmarks.stages.prepare", "other")  # takes the project's own, which is not there
    assert result.exit_code == 2 and "data/prepared is missing; make it first (dvc repro prepare)" in result.output
