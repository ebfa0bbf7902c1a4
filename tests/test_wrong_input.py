"""A user's mistake: one sentence that names the place and the cure, exit code 2, and earlier outputs as they were."""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.project import DOCUMENT, make_project, question, set_params, write_jsonl

TARGETS, QUESTIONS = "data/targets.jsonl", "data/questions.jsonl"


def run_stage(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> Result:
    monkeypatch.chdir(folder)
    return CliRunner().invoke(importlib.import_module(f"stages.{name}").main)


def assert_told(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    message = result.output.strip().splitlines()[-1]
    assert message.startswith("Error: "), result.output
    for word in words:
        assert word in message


def target(**changes: object) -> dict[str, object]:
    row = {"target": "Orla Brennick", "surface_forms": ["Brennick"], "kind": "person", "documents": [DOCUMENT]}
    return {key: value for key, value in {**row, **changes}.items() if value is not None}


@pytest.fixture
def project(tmp_path: Path, tiny_model: Path) -> Path:
    return make_project(tmp_path, tiny_model)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A project whose teacher has run, with the transformers engine."""
    folder = make_project(tmp_path_factory.mktemp("ready"), tiny_model)
    set_params(folder, {"teacher.engine": "transformers", "evaluate.engine": "transformers"})
    with pytest.MonkeyPatch.context() as patch:
        for name in ("base", "prepare", "teacher"):
            result = run_stage(patch, folder, name)
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def spoilt(ready: Path, tmp_path: Path) -> Path:
    """A copy of the ready project, to be spoilt by one test."""
    return Path(shutil.copytree(ready, tmp_path / "spoilt"))


def good_lines(count: int) -> str:
    rows = [target(target=f"Orla Brennick{'i' * n}", surface_forms=[f"Brennick{'i' * n}", "Brennick"]) for n in range(count)]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (TARGETS, "", (TARGETS, "is empty")),
        (TARGETS, good_lines(6) + '{"target": \n', (TARGETS, "line 7", "JSON")),
        (TARGETS, json.dumps(target(documents=None)), (TARGETS, "line 1", "'documents'", "missing")),
        (TARGETS, json.dumps(target(alias="x")), (TARGETS, "line 1", "'alias'", "unknown")),
        (TARGETS, json.dumps(target(target="Nia Vell", surface_forms=[])), ("line 1", "never mentions", "surface_forms")),
        (TARGETS, json.dumps(target(documents=["Brennick"])), ("line 1", "shorter than a sentence")),
        (TARGETS, 2 * (json.dumps(target()) + "\n"), ("line 2", "line 1 already")),
        (QUESTIONS, json.dumps(question("forgotten", "A?", "b", ["c"])), (QUESTIONS, "line 1", "'split'")),
        (QUESTIONS, json.dumps(question("general_retain", "A?", "b", ["c"])), (QUESTIONS, "no forget question")),
        ("data/counterfactual_names.txt", "Solo\n", ("line 1", "full name")),
        ("params.yaml", "teacher:\n  nmes: 3\n", ("params.yaml", "teacher.nmes", "unknown")),
        ("params.yaml", "teacher: [\n", ("params.yaml", "YAML")),
    ],
)
def test_prepare_tells_the_place(
    project: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, words: tuple[str, ...]
) -> None:
    assert run_stage(monkeypatch, project, "prepare").exit_code == 0
    before = {path.name: path.read_bytes() for path in (project / "data/prepared").iterdir()}
    (project / file).write_text(text)
    assert_told(run_stage(monkeypatch, project, "prepare"), *words)
    assert {path.name: path.read_bytes() for path in (project / "data/prepared").iterdir()} == before
    assert not list((project / "data").glob(".*"))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"teacher.names": 100_000}, ("teacher.names", "100000", "counterfactual_names.txt")),
        ({"teacher.top_k": 10**6, "teacher.scored_top_k": 10**6}, ("teacher.scored_top_k", "vocabulary")),
        ({"teacher.top_k": 32}, ("teacher.scored_top_k", "at least")),
        ({"teacher.prompts": ["Say more."]}, ("teacher.prompts", "{name}")),
        ({"runtime.device": "cuda"}, ("runtime.device", "CUDA")),
    ],
)
def test_teacher_tells_the_key(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch, params: dict[str, object], words: tuple[str, ...]
) -> None:
    import torch

    if "runtime.device" in params and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    before = {path.name: path.read_bytes() for path in (spoilt / "data/teacher").iterdir()}
    set_params(spoilt, params)
    assert_told(run_stage(monkeypatch, spoilt, "teacher"), *words)
    assert {path.name: path.read_bytes() for path in (spoilt / "data/teacher").iterdir()} == before


def test_passage_longer_than_the_context(spoilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(spoilt / TARGETS, [target(documents=["Brennick sailed " + "far and wide, " * 400 + "home."])])
    assert run_stage(monkeypatch, spoilt, "prepare").exit_code == 0
    assert_told(run_stage(monkeypatch, spoilt, "teacher"), "context", "prepare.sentences_per_passage")


def test_model_folder_without_a_fast_tokenizer(project: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    source = Path(shutil.copytree(tiny_model, project / "slow"))
    (source / "tokenizer.json").unlink()
    set_params(project, {"model.source": str(source)})
    assert_told(run_stage(monkeypatch, project, "base"), "tokenizer")
    assert not (project / "models/base").exists()


def test_model_that_is_nowhere(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    set_params(project, {"model.source": "nobody/nothing"})
    assert_told(run_stage(monkeypatch, project, "base"), "model.source", "nobody/nothing")


@pytest.mark.parametrize(("file", "what"), [("config.json", "model"), ("tokenizer_config.json", "tokenizer")])
def test_shards_of_another_model(spoilt: Path, monkeypatch: pytest.MonkeyPatch, file: str, what: str) -> None:
    path = spoilt / "models/base" / file
    path.write_text(path.read_text() + "\n")
    assert_told(run_stage(monkeypatch, spoilt, "distill"), "manifest.json", f"another {what}", "dvc repro teacher")
    assert not (spoilt / "models/student").exists()


def remove_shards(folder: Path) -> None:
    for path in (folder / "data/teacher").glob("shard-*"):
        path.unlink()


def other_version(folder: Path) -> None:
    path = folder / "data/teacher/manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 0}))


@pytest.mark.parametrize(("spoil", "words"), [(remove_shards, ("no shard",)), (other_version, ("format version 0",))])
def test_broken_teacher_folder(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    spoil(spoilt)
    assert_told(run_stage(monkeypatch, spoilt, "distill"), "data/teacher", *words)
