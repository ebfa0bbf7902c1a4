"""RWKU on the small model, from the benchmark's files to the table, and by the bare name as far as nothing is elicited."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.criteria.measures import RWKU_MEASURES
from pipeline.core.outputs import read_parquet
from tests.benchmarks.suite.config import write_config
from tests.project import LEARNING_RATE, ROOT, invoke, make_project, succeed

TEACHER = {"engine": "transformers", "top_k": 16, "names": 2}
PARAMS: dict[str, Any] = {
    "prepare": {"source": "rwku", "subset": "passages", "path": str(ROOT / "tests/data/rwku")},
    "elicit": {"templates": 0},
    "held_out": TEACHER,
    "evaluate": {"engine": "transformers", "max_new_tokens": 6, "consistency_samples": 0},
    "attacks": {"many_shot_shots": 0, "soft_restarts": 0},
    "methods": {
        "teacher_student": {
            "teacher": {**TEACHER, "forget_from": ["given"], "retain_from": ["given"]},
            "distill": {"learning_rate": LEARNING_RATE, "epochs": 1},
        }
    },
}


def project(folder: Path, model: Path, subset: str) -> Path:
    """A project with the benchmark, its model in its place."""
    make_project(folder, model)
    (folder / "data/people").mkdir()
    shutil.copyfile(folder / "data/questions.jsonl", folder / "data/people/questions.jsonl")
    write_config(folder, "rwku", {**PARAMS, "prepare": {**PARAMS["prepare"], "subset": subset}})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        succeed("base")
        succeed("benchmarks.stages.base", "rwku")
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """What every stage of the benchmark left."""
    folder = project(tmp_path_factory.mktemp("rwku"), tiny_model, "passages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        succeed("benchmarks.stages.prepare", "rwku")
        succeed("benchmarks.stages.elicit", "rwku")
        succeed("benchmarks.stages.teacher", "rwku", "teacher_student")
        succeed("benchmarks.stages.held_out", "rwku")
        succeed("benchmarks.stages.unlearn", "rwku", "teacher_student")
        for method in ("base", "teacher_student"):
            succeed("benchmarks.stages.criteria", "rwku", method)
        succeed("benchmarks.stages.table", "rwku", "--beside", "teacher_student")
    return folder / "benchmarks/results/rwku"


def test_table_has_the_score_of_every_kind_of_probe(results: Path) -> None:
    table = json.loads((results / "table.json").read_text(encoding="utf-8"))
    counts = {measure["key"]: measure["questions"] for measure in table["measures"]}
    assert [key for key in counts if key.startswith("rwku.")] == [measure.key for measure in RWKU_MEASURES]
    assert counts["rwku.forget_level1"] == [15, 15]
    assert counts["rwku.forget_level3"] == [10, 10]
    assert counts["rwku.cross_lingual"] == [2, 2]
    assert counts["efficacy.rouge_l_recall"] == [31, 31]
    assert {"efficacy.probability", "gap.interventional"} <= set(counts)
    assert all(cell["mean"] <= 1 for key, cell in table["values"]["base"].items() if key.startswith("rwku."))


def test_differences_stand_beside_the_table(results: Path) -> None:
    written = json.loads((results / "differences.json").read_text(encoding="utf-8"))
    assert written["beside"] == "teacher_student"
    assert {"efficacy.above_floor", "rwku.forget_level1"} <= {row["key"] for row in written["measures"]}
    assert all(list(row["cells"]) == ["base"] for row in written["measures"])
    assert (results / "differences.md").read_text(encoding="utf-8").startswith("| less teacher_student | | base |")


def test_answers_keep_the_kind_of_their_question(results: Path) -> None:
    kinds = ("question", "level", "type", "neighbour")
    asked = read_parquet(results / "prepared/questions.parquet").select(kinds)
    answered = read_parquet(results / "runs/teacher_student-0/answers.parquet").select(kinds)
    assert answered == asked


def test_bare_names_are_measured_and_have_nothing_to_train_on(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path, tiny_model, "bare"))
    succeed("benchmarks.stages.prepare", "rwku")
    succeed("benchmarks.stages.held_out", "rwku")
    succeed("benchmarks.stages.criteria", "rwku", "base")
    refused = invoke("benchmarks.stages.teacher", "rwku", "teacher_student")
    assert refused.exit_code == 2
    assert "leaves no forget passage about 'Ottoline'" in refused.output
    assert "benchmarks/configs/rwku.yaml: methods.teacher_student.teacher.forget_from" in refused.output
