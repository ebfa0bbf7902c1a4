"""Every kind of method on the project's own data, from shards to table, on the small model."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.benchmarks.suite.config import write_config
from tests.project import LEARNING_RATE, invoke, make_project, set_params, succeed

TRAINED = {"learning_rate": LEARNING_RATE, "epochs": 1}
TEACHER = {"engine": "transformers", "top_k": 16}
PARAMS: dict[str, Any] = {
    "held_out": {**TEACHER, "names": 2},
    "evaluate": {"engine": "transformers", "max_new_tokens": 6, "consistency_samples": 2},
    "attacks": {"many_shot_shots": 2, "soft_epochs": 1, "soft_restarts": 1, "soft_tokens": 2, "max_new_tokens": 6},
    "methods": {
        "teacher_student": {"distill": TRAINED},
        "gradient_ascent": {"baseline": {"objective": "gradient_ascent", **TRAINED}},
        "npo": {"baseline": {"objective": "npo", **TRAINED}},
        "altpo": {
            "alternates": {"engine": "transformers", "max_new_tokens": 8},
            "baseline": {"objective": "altpo", **TRAINED},
        },
        "rmu": {"baseline": {"objective": "rmu", "layer": 0, **TRAINED}},
        "whp": {"teacher": {**TEACHER, "preset": "whp"}, "distill": {**TRAINED, "retain_weight": 0.0}},
        "prompting": {"prompting": {}},
        "prompt_distill": {
            "teacher": {**TEACHER, "preset": "prompted", "prompts": ["Complete the following passage about {name}."]},
            "distill": TRAINED,
        },
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The project after every stage of the benchmark."""
    folder = make_project(tmp_path_factory.mktemp("benchmark"), tiny_model)
    set_params(folder, {"elicit.engine": "transformers", "teacher.engine": "transformers"})
    write_config(folder, "project", PARAMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("base", "prepare", "elicit", "teacher"):
            succeed(stage)
        succeed("benchmarks.stages.base", "project")
        succeed("benchmarks.stages.prepare", "project")
        succeed("benchmarks.stages.elicit", "project")
        succeed("benchmarks.stages.held_out", "project")
        for method in ("teacher_student", "whp", "prompt_distill"):
            succeed("benchmarks.stages.teacher", "project", method)
        succeed("benchmarks.stages.alternates", "project", "altpo")
        succeed("benchmarks.stages.criteria", "project", "base")
        for method in PARAMS["methods"]:
            succeed("benchmarks.stages.unlearn", "project", method, "--seed", "1")
            succeed("benchmarks.stages.criteria", "project", method, "--seed", "1")
        succeed("benchmarks.stages.table", "project")
    return folder / "benchmarks/results/project"


@pytest.fixture(scope="module")
def table(finished: Path) -> dict[str, Any]:
    return json.loads((finished / "table.json").read_text(encoding="utf-8"))


def test_every_method_and_criterion_is_in_the_table(table: dict[str, Any]) -> None:
    assert table["methods"] == ["base", *PARAMS["methods"]]
    assert {measure["criterion"] for measure in table["measures"]} == {
        *("efficacy", "utility", "quality", "hallucination", "robustness", "gap")
    }
    for method in table["methods"]:
        assert all(table["values"][method].values()), method
    assert table["left_out"] == {}
    assert table["judge"]["asked"] == 9 * 4  # leak, quality and unavailable of one forget question, quality of one hard-retain


def test_base_is_the_measure_of_the_gap(table: dict[str, Any]) -> None:
    assert table["values"]["base"]["gap.interventional"]["mean"] == 1.0
    assert all(table["values"][method]["gap.interventional"]["mean"] not in (0.0, 1.0) for method in PARAMS["methods"])


def test_trained_methods_have_a_curve_and_prompting_none(finished: Path) -> None:
    for method in PARAMS["methods"]:
        rows = pl.read_csv(finished / f"runs/{method}-1/curve.csv").height
        assert (rows == 0) == (method == "prompting")


def test_answers_hold_what_was_asked_judged_and_attacked(finished: Path) -> None:
    rows = pl.read_parquet(finished / "runs/npo-1/answers.parquet")
    forget, general = (rows.filter(pl.col("split") == split) for split in ("forget", "general_retain"))
    for column in ("response", "leak", "quality", "unavailable", "many_shot_response", "soft_embedding_response", "base_nll"):
        assert column in rows.columns
    assert forget["leak"].null_count() == 0
    assert general["leak"].null_count() == general.height
    assert general["many_shot_response"].null_count() == general.height


def test_model_data_and_shards_are_the_projects_own(finished: Path) -> None:
    folder = finished.parents[2]
    for own, there in (
        ("models/base/model.safetensors", "models/base-0/model.safetensors"),
        ("data/prepared/passages.parquet", "prepared/passages.parquet"),
        ("data/elicited/passages.parquet", "elicited/passages.parquet"),
        ("data/teacher/manifest.json", "teacher/teacher_student/manifest.json"),
    ):
        assert (finished / there).read_bytes() == (folder / own).read_bytes()


def test_prompted_model_has_the_bases_weights(finished: Path) -> None:
    base = finished.parents[2] / "models/base/model.safetensors"
    assert (finished / "models/prompting-1/model.safetensors").read_bytes() == base.read_bytes()


def test_same_seed_makes_the_same_model_and_another_seed_another(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[2])
    weights = finished / "models/npo-1/model.safetensors"
    before = weights.read_bytes()
    succeed("benchmarks.stages.unlearn", "project", "npo", "--seed", "1")
    assert weights.read_bytes() == before
    succeed("benchmarks.stages.unlearn", "project", "npo", "--seed", "2")
    assert (finished / "models/npo-2/model.safetensors").read_bytes() != before


def test_method_without_its_shards_says_what_is_missing(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[2])
    (finished / "teacher/whp").rename(finished / "teacher/away")
    result = invoke("benchmarks.stages.unlearn", "project", "whp")
    (finished / "teacher/away").rename(finished / "teacher/whp")
    assert result.exit_code == 2
    assert "teacher/whp" in result.output


def test_alternates_are_for_a_method_that_prefers_them(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[2])
    result = invoke("benchmarks.stages.alternates", "project", "whp")
    assert result.exit_code == 2
    assert "methods.whp has no section alternates, so it prefers nothing to its texts" in result.output
    (finished / "alternates/altpo").rename(finished / "alternates/away")
    result = invoke("benchmarks.stages.unlearn", "project", "altpo")
    (finished / "alternates/away").rename(finished / "alternates/altpo")
    assert result.exit_code == 2
    assert "alternates/altpo/alternates.parquet is missing" in result.output
    assert "python -m benchmarks.stages.alternates project altpo" in result.output


def test_criteria_without_held_out_shards_stop_before_they_ask(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[2])
    before = (finished / "runs/npo-1/criteria.json").read_bytes()
    (finished / "held_out").rename(finished / "away")
    result = invoke("benchmarks.stages.criteria", "project", "npo", "--seed", "1")
    (finished / "away").rename(finished / "held_out")
    assert result.exit_code == 2
    assert "benchmarks/results/project/held_out/manifest.json is missing" in result.output
    assert "python -m benchmarks.stages.held_out project" in result.output
    assert "evaluate:" not in result.output
    assert (finished / "runs/npo-1/criteria.json").read_bytes() == before


def test_nothing_held_out_is_told(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished.parents[2])
    monkeypatch.setattr("benchmarks.criteria.held_out.held_out_passages", lambda *_: [])
    result = invoke("benchmarks.stages.held_out", "project")
    assert result.exit_code == 2 and "nothing is held out" in " ".join(result.output.split())
    assert (finished / "held_out/manifest.json").exists()


def test_held_out_names_are_those_that_no_method_took(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = finished.parents[2]
    monkeypatch.chdir(project)
    own = json.loads((project / "data/teacher/manifest.json").read_text(encoding="utf-8"))["counterfactual_names"]
    held_out = json.loads((finished / "held_out/manifest.json").read_text(encoding="utf-8"))["counterfactual_names"]
    assert held_out and all(not set(drawn) & set(own[target]) for target, drawn in held_out.items())
    write_config(project, "greedy", PARAMS | {"held_out": {**TEACHER, "names": 500}})
    (finished.parent / "greedy").mkdir()
    (finished.parent / "greedy/prepared").symlink_to(finished / "prepared")
    result = invoke("benchmarks.stages.held_out", "greedy")
    assert result.exit_code == 2
    assert "greedy.yaml: held_out.names is 500, but of the" in result.output
