"""WPU on the small model, from the benchmark's files to the table; its questions have no wrong answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.suite.config import write_config
from tests.project import LEARNING_RATE, invoke, make_project, succeed, write_jsonl

PAGE = (
    "Orla Brennick (English: [ˈɔːlə ˈbrɛnɪk]; born 1961) is a writer.\n\n\n== Life ==\nBrennick was born in Skell. She left it."
)
ASKED = [("Where was Orla Brennick born?", "Skell"), ("What is Orla Brennick?", "A writer")]
FILES: dict[str, list[dict[str, Any]]] = {
    "forget_2_1": [
        {"title": "Orla Brennick (writer)", "wikipage": PAGE, "question": question, "answer": answer}
        for question, answer in ASKED
    ],
    "forget_2_1_hard_retain": [{"title": "Orla Brennick (writer)", "question": "Where is Skell?", "answer": "In Hallin"}],
    "general_retain": [{"name": "Ada Lind", "Question": "Who is Ada Lind?", "Answer": "A singer"}],
}
TEACHER = {"engine": "transformers", "top_k": 16, "forget_from": ["given"], "retain_from": ["given"]}
METHODS: dict[str, Any] = {
    "teacher_student": {
        "teacher": {**TEACHER, "names": 2},
        "distill": {"learning_rate": LEARNING_RATE, "epochs": 1},
    },
    "gradient_difference": {"baseline": {"objective": "gradient_difference", "learning_rate": LEARNING_RATE, "epochs": 1}},
}
PARAMS: dict[str, Any] = {
    "prepare": {"source": "wpu", "subset": "forget_2_1", "path": "rows"},
    "elicit": {"templates": 0},
    "held_out": {"engine": "transformers", "top_k": 16, "names": 2},
    "evaluate": {"engine": "transformers", "max_new_tokens": 6, "consistency_samples": 2},
    "attacks": {"many_shot_shots": 2, "soft_epochs": 1, "soft_restarts": 1, "soft_tokens": 2, "max_new_tokens": 6},
    "methods": METHODS,
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> dict[str, Any]:
    """The table after every stage of the benchmark."""
    folder = make_project(tmp_path_factory.mktemp("wpu"), tiny_model)
    (folder / "rows").mkdir()
    for name, rows in FILES.items():
        write_jsonl(folder / f"rows/{name}.jsonl", rows)
    write_config(folder, "wpu", PARAMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            ("base",),
            ("benchmarks.stages.base", "wpu"),
            ("benchmarks.stages.prepare", "wpu"),
            ("benchmarks.stages.elicit", "wpu"),
            ("benchmarks.stages.teacher", "wpu", "teacher_student"),
            ("benchmarks.stages.held_out", "wpu"),
        ):
            succeed(*words)
        succeed("benchmarks.stages.criteria", "wpu", "base")
        for method in METHODS:
            succeed("benchmarks.stages.unlearn", "wpu", method)
            succeed("benchmarks.stages.criteria", "wpu", method)
        succeed("benchmarks.stages.table", "wpu")
    table: dict[str, Any] = json.loads((folder / "benchmarks/results/wpu/table.json").read_text(encoding="utf-8"))
    return table


@pytest.mark.parametrize(
    ("key", "value"), [("path", "nowhere"), ("subset", "forget_3"), ("targets", ["Nobody"])], ids=["path", "subset", "targets"]
)
def test_what_does_not_fit_is_told_with_the_benchmarks_own_file(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: object
) -> None:
    folder = make_project(tmp_path, tiny_model)
    (folder / "rows").mkdir()
    for name, rows in FILES.items():
        write_jsonl(folder / f"rows/{name}.jsonl", rows)
    write_config(folder, "wpu", {**PARAMS, "prepare": {**PARAMS["prepare"], key: value}})
    monkeypatch.chdir(folder)
    result = invoke("benchmarks.stages.prepare", "wpu")
    assert result.exit_code == 2
    assert result.output.startswith(f"Error: benchmarks/configs/wpu.yaml: prepare.{key}")
    assert not (folder / "benchmarks/results/wpu/prepared").exists()


def test_what_needs_wrong_answers_is_left_out_and_all_else_is_there(table: dict[str, Any]) -> None:
    assert table["methods"] == ["base", *METHODS]
    assert set(table["left_out"]) == {"efficacy.probability", "utility.hard_probability", "utility.general_probability"}
    assert set(table["left_out"].values()) == {"no question of this split has wrong answers"}
    keys = {measure["key"] for measure in table["measures"]}
    assert {"efficacy.rouge_l_recall", "utility.general_rouge_l_recall", "robustness.worst", "gap.interventional"} <= keys
    assert not keys & set(table["left_out"])


def test_every_method_has_moved_from_the_base(table: dict[str, Any]) -> None:
    gaps = {method: table["values"][method]["gap.interventional"]["mean"] for method in table["methods"]}
    assert gaps["base"] == 1.0
    assert len(set(gaps.values())) == 3


def test_means_tell_their_questions(table: dict[str, Any]) -> None:
    counts = {measure["key"]: measure["questions"] for measure in table["measures"]}
    assert counts["efficacy.rouge_l_recall"] == [2, 2]
    assert counts["utility.general_rouge_l_recall"] == [1, 1]
