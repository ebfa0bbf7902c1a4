"""The whole pipeline on the tiny model: vLLM scores, shards land, the student trains, evaluation answers; then DVC's rules."""

import contextlib
import json
from pathlib import Path

import polars as pl
import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.project import LEARNING_RATE, ROOT, make_project, run, set_params, stage
from tests.rooms import uncovered, unneeded

STAGES = {"base", "prepare", "elicit", "teacher", "distill", "evaluate-base", "evaluate"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A project on which ``dvc repro`` has run once."""
    folder = make_project(tmp_path_factory.mktemp("project"), tiny_model, templates=3)
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "repro")
    return folder


@pytest.fixture
def changed(project: Path):
    """Lets a test change params or files; puts them back afterwards, and the outputs with them."""
    before = (project / "params.yaml").read_text()
    yield project
    (project / "params.yaml").write_text(before)


def changed_stages(project: Path) -> set[str]:
    """What ``dvc status --json`` names, without the start of a process for it."""
    with contextlib.chdir(project), Repo() as repo:
        return set(repo.status())


def test_shards_are_readable_and_sound(project: Path) -> None:
    manifest = json.loads((project / "data/teacher/manifest.json").read_text())
    shards = pl.read_parquet(project / "data/teacher/shard-*.parquet")
    assert shards.height == manifest["positions"] > 50
    assert set(shards["kind"].cast(str).unique()) == {"forget", "retain"}
    assert shards.select(pl.col("teacher_ids").list.len().unique()).to_series().to_list() == [16]
    kept = shards.select(pl.col("teacher_logprobs").list.eval(pl.element().cast(pl.Float64).exp()).list.sum()).to_series()
    assert ((kept + shards["tail_logprob"].cast(pl.Float64).exp()) - 1).abs().max() < 5e-3
    passages = pl.read_parquet(project / "data/teacher/passages.parquet")
    joined = shards.join(passages.select("passage", "input_ids", "prefix_length"), on="passage")
    following = joined.select(pl.col("input_ids").list.get(pl.col("position") + 1)).to_series()
    assert (following == joined["next_token_id"]).all()
    assert (joined["position"] >= joined["prefix_length"] - 1).all()


def test_what_the_model_said_is_taught_beside_the_document(project: Path) -> None:
    answers = pl.read_parquet(project / "data/elicited/answers.parquet")
    assert answers["subject"].unique().sort().to_list() == ["Hallin", "Orla Brennick", "Skell"]
    assert answers.filter(pl.col("kind") == "forget").height == 3 * 2
    kept = answers.filter(pl.col("verdict") == "kept")
    assert kept.height == pl.read_parquet(project / "data/elicited/passages.parquet").height > 0
    passages = pl.read_parquet(project / "data/teacher/passages.parquet")
    chats = passages.filter(pl.col("format") == "chat")
    assert chats["text"].to_list() == kept["answer"].to_list()
    assert chats["question"].to_list() == kept["question"].to_list()
    assert passages.filter((pl.col("format") == "document") & (pl.col("kind") == "forget")).height == 3


def test_student_differs_from_base_and_loads(project: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(project / "models/base", dtype=torch.float32)
    student = AutoModelForCausalLM.from_pretrained(project / "models/student", dtype=torch.float32)
    assert any(not torch.equal(a, b) for a, b in zip(base.parameters(), student.parameters(), strict=True))
    assert AutoTokenizer.from_pretrained(project / "models/student").chat_template
    assert "Orla Brennick" in (project / "models/student/README.md").read_text()


def test_training_lowers_the_loss(project: Path) -> None:
    curve = pl.read_csv(project / "evaluation/distill_curve.csv")
    means = curve.group_by("epoch").agg(pl.col("forget_kl").mean()).sort("epoch")["forget_kl"]
    assert means[-1] < 0.95 * means[0]


def test_metrics_and_answers(project: Path) -> None:
    metrics = json.loads((project / "evaluation/metrics.json").read_text())
    probability = metrics["forget"]["probability"]
    assert 0 < probability["base"] < 1
    assert 0 <= probability["student"] <= 1
    assert 0 < metrics["forget"]["floor_probability"]["base"] < 1
    answers = pl.read_parquet(project / "evaluation/student/answers.parquet")
    base = pl.read_parquet(project / "evaluation/base/answers.parquet")
    assert (answers["probability"] != base["probability"]).all()
    assert answers["split"].to_list() == ["forget", "hard_retain", "general_retain"]
    assert answers["response"].str.len_chars().min() > 0


def test_inspect_prints_a_line_a_position(project: Path) -> None:
    lines = stage(project, "inspect", "0").stdout.splitlines()
    shards = pl.read_parquet(project / "data/teacher/shard-*.parquet")
    assert len(lines) == 2 + shards.filter(pl.col("passage") == 0).height
    wrong = stage(project, "inspect", "999", check=False)
    assert wrong.exit_code == 2
    assert "passage 999" in wrong.stderr


def test_nothing_is_left_to_do(project: Path) -> None:
    assert changed_stages(project) == set()


@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("distill.learning_rate", 3e-06, {"distill"}),
        ("distill.epochs", 1, {"distill"}),
        ("evaluate.max_new_tokens", 9, {"evaluate-base", "evaluate"}),
        ("teacher.names", 3, {"teacher"}),
        ("teacher.preset", "whp", {"teacher"}),
        ("elicit.temperature", 0.7, {"elicit"}),
        ("elicit.templates", 2, {"prepare", "elicit"}),
        ("prepare.seed", 1, {"prepare"}),
        ("runtime.device", "cpu", {"elicit", "teacher", "distill", "evaluate-base", "evaluate"}),
        ("runtime.max_num_seqs", 7, set()),
        ("runtime.max_num_batched_tokens", 4096, set()),
        ("runtime.gradient_checkpointing", True, set()),
        ("teacher.shard_megabytes", 1, {"teacher"}),
        ("teacher.base_top_k", 4, {"teacher"}),
        ("distill.shuffle_row_groups", 2, {"distill"}),
    ],
)
def test_a_parameter_changes_its_own_stages(changed: Path, key: str, value: object, stages: set[str]) -> None:
    set_params(changed, {key: value})
    assert changed_stages(changed) == stages


EVALUATE = {"evaluate-base", "evaluate"}


@pytest.mark.parametrize(
    ("rooms", "stages"),
    [
        (["pipeline/distill", "pipeline/train", "pipeline/shards/reader.py", "stages/distill.py"], {"distill"}),
        (["pipeline/evaluate", "stages/evaluate.py"], EVALUATE),
        (["pipeline/report", "pipeline/fidelity", "pipeline/params.py", "benchmarks", "stages/nevermet.py"], set()),
        (["pipeline/teacher", "pipeline/shards/writer.py", "stages/teacher.py"], {"teacher", "distill"}),
        (["pipeline/elicit", "stages/elicit.py"], {"elicit"}),
        (["pipeline/prepare", "stages/prepare.py"], {"prepare", "elicit", *EVALUATE}),
        (["pipeline/engines"], {"elicit", "teacher", *EVALUATE}),
        (["pipeline/core"], STAGES),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_edit_in_a_room_changes_the_stages_that_rest_on_it(project: Path, rooms: list[str], stages: set[str]) -> None:
    """Every file of the rooms is edited at once: what one of them changed would be among the stages that all of them change."""
    files = [file for room in rooms for file in ([project / room] if room.endswith(".py") else (project / room).rglob("*"))]
    before = {file: file.read_bytes() for file in files if file.is_file() and "__pycache__" not in file.parts}
    assert before
    for file, content in before.items():
        file.write_bytes(content + b"\n# A remark.\n")
    changed = changed_stages(project)
    for file, content in before.items():
        file.write_bytes(content)
    assert changed == stages


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("data/names/en.txt", {"prepare"}),
        ("data/refusals.txt", {"elicit"}),
        ("data/question_templates.jsonl", {"elicit"}),
        ("data/retain_passages.jsonl", {"prepare"}),
    ],
)
def test_editing_a_data_file_changes_the_stage_that_reads_it(project: Path, file: str, stages: set[str]) -> None:
    before = (project / file).read_text()
    (project / file).write_text(before + "\n")
    assert changed_stages(project) == stages
    (project / file).write_text(before)


def test_repro_after_a_distill_change_runs_only_what_follows(changed: Path) -> None:
    set_params(changed, {"distill.learning_rate": 1e-05})
    printed = run(changed, "dvc", "repro").stdout
    ran = {line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")}
    assert ran == {"distill", "evaluate"}
    set_params(changed, {"distill.learning_rate": LEARNING_RATE})
    back = run(changed, "dvc", "repro").stdout
    assert "Running stage" not in back


@pytest.mark.parametrize("name", sorted(STAGES))
def test_code_dependencies_cover_the_imports(name: str) -> None:
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    assert set(stages) == STAGES
    module = stages[name]["cmd"].removeprefix("exec python -m ").split()[0]
    assert uncovered(module, stages[name]["deps"]) == set()
    assert unneeded(module, stages[name]["deps"]) == set()


def test_the_student_is_an_artifact(project: Path) -> None:
    with contextlib.chdir(project), Repo() as repo:
        (artifacts,) = repo.artifacts.read().values()
    student = artifacts["student"]
    assert student.path == "models/student" and student.type == "model" and student.desc and "unlearning" in student.labels
