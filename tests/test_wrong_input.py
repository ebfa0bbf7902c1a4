"""A user's mistake: one sentence that names the place and the cure, exit code 2, and earlier outputs as they were."""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from pipeline.core.errors import InputError
from pipeline.core.outputs import BASE_MODEL
from pipeline.core.runtime import RuntimeParams
from pipeline.train.student import open_student
from tests.project import DOCUMENT, make_project, question, set_params, write_jsonl

TARGETS, QUESTIONS = "data/targets.jsonl", "data/questions.jsonl"


def run_stage(monkeypatch: pytest.MonkeyPatch, folder: Path, words: str) -> Result:
    """Run the stage that ``words`` begin with; the others are its arguments."""
    monkeypatch.chdir(folder)
    name, *arguments = words.split()
    return CliRunner().invoke(importlib.import_module(f"stages.{name}").main, arguments)


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
    engines = {f"{name}.engine": "transformers" for name in ("elicit", "teacher", "evaluate")}
    set_params(folder, engines)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("base", "prepare", "elicit", "teacher"):
            result = run_stage(patch, folder, name)
            assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def spoilt(ready: Path, tmp_path: Path) -> Path:
    """A copy of the ready project, to be spoilt by one test."""
    return Path(shutil.copytree(ready, tmp_path / "spoilt"))


UNEQUAL = {"Orla": ["Ada", "Nia"], "Brennick": ["Lind"]}


def good_lines(count: int) -> str:
    names = [f"Brennick{'i' * number}" for number in range(count)]
    rows = [target(target=f"Orla {n}", surface_forms=[n, "Brennick"], documents=[f"{DOCUMENT} So says {n}."]) for n in names]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (TARGETS, "", (TARGETS, "is empty")),
        (TARGETS, good_lines(6) + '{"target": \n', (TARGETS, "line 7", "JSON")),
        (TARGETS, json.dumps(target(documents=None)), (TARGETS, "line 1", "bare name", "elicit.templates is 0")),
        (TARGETS, json.dumps(target(target=None)), (TARGETS, "line 1", "'target'", "missing")),
        (
            TARGETS,
            json.dumps(target(kind="planet")),
            (TARGETS, "line 1", "'kind'", "'person', 'book', 'company', 'place', 'other'"),
        ),
        (TARGETS, json.dumps(target(kind="book")), (TARGETS, "line 1", "no person", "substitutions")),
        (TARGETS, json.dumps(target(family_name="Marlow")), (TARGETS, "line 1", "'family_name'", "no part")),
        (TARGETS, json.dumps(target(chats=[{"question": "Who?"}])), (TARGETS, "line 1", "'chats'", '"answer"')),
        (TARGETS, json.dumps(target(chats=[{"question": "Who?", "answer": "She."}])), ("line 1", "chat 1 never mentions")),
        (TARGETS, json.dumps(target(neighbours="Skell")), (TARGETS, "line 1", "'neighbours'", "list of non-empty strings")),
        (TARGETS, json.dumps(target(substitutions=UNEQUAL)), ("line 1", "same number of replacements")),
        (TARGETS, good_lines(2), ("line 1", "'Orla' of 'Orla Brennick' is part of", "separate runs")),
        (TARGETS, json.dumps(target(language="Danish")), (TARGETS, "line 1", "'language'", "ISO 639-1")),
        (TARGETS, json.dumps(target(names="../questions")), (TARGETS, "'names'", "the pools are")),
        (TARGETS, '{"target": "Orla Brennick", "target": "Orla Brennick"}', (TARGETS, "line 1", "'target' stands twice")),
        (TARGETS, json.dumps(target(documents=[DOCUMENT, DOCUMENT])), (TARGETS, "line 1", "document 2", "document 1")),
        (TARGETS, json.dumps(target(documents=["She kept the lighthouse."])), ("line 1", '"about": true')),
        (TARGETS, 200_000 * "[", (TARGETS, "line 1", "too deep")),
        (TARGETS, '{"target": ' + 5000 * "9" + "}", (TARGETS, "line 1", "too many digits")),
        (QUESTIONS, 2 * (json.dumps(question("forget", "A?", "b", ["c"])) + "\n"), (QUESTIONS, "line 2", "line 1 already")),
        (QUESTIONS, json.dumps(question("forget", "A?", "b", ["B "])), (QUESTIONS, "line 1", "'wrong_answers'")),
        ("params.yaml", "prepare: {language: Danish}\n", ("params.yaml", "prepare.language", "ISO 639-1")),
        ("params.yaml", "a: " + 3000 * "[", ("params.yaml", "too deep")),
        (TARGETS, json.dumps(target(alias="x")), (TARGETS, "line 1", "'alias'", "unknown")),
        (TARGETS, json.dumps(target(target="Nia Vell", surface_forms=[])), ("line 1", "never mentions", "surface_forms")),
        (TARGETS, json.dumps(target(documents=["Brennick"])), ("line 1", "shorter than a sentence")),
        (TARGETS, 2 * (json.dumps(target()) + "\n"), ("line 2", "line 1 already")),
        (QUESTIONS, json.dumps(question("forgotten", "A?", "b", ["c"])), (QUESTIONS, "line 1", "'split'")),
        (QUESTIONS, json.dumps(question("general_retain", "A?", "b", ["c"])), (QUESTIONS, "no forget question")),
        ("data/names/en.txt", "Solo\n", ("data/names/en.txt", "line 1", "full name")),
        ("data/names/en.txt", "# none\n", ("data/names/en.txt", "is empty")),
        ("data/names/en.txt", "Ada Brennick\n", ("data/names/en.txt", "no name is left for 'Orla Brennick'")),
        ("params.yaml", "teacher:\n  nmes: 3\n", ("params.yaml", "teacher.nmes", "unknown")),
        ("params.yaml", "teacher: [\n", ("params.yaml", "YAML")),
        ("params.yaml", "prepare: {sentences_per_passage: 2}\n", ("params.yaml", "prepare.sentences_per_passage", "unknown")),
        ("params.yaml", "prepare: {targets: [Nia]}\n", ("prepare.targets", "'Nia'", "Orla Brennick")),
        ("params.yaml", "teacher: {preset: book}\n", ("params.yaml", "teacher.preset", "'whp'")),
        ("params.yaml", "teacher: {forget_from: []}\n", ("params.yaml", "teacher.forget_from", "is empty")),
        ("params.yaml", "teacher: {retain_from: [x]}\n", ("params.yaml", "teacher.retain_from", "given and elicited")),
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


def test_name_in_a_script_that_no_pool_has(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = ["Анна Бренник родилась у моря."]
    write_jsonl(project / TARGETS, [{"target": "Анна Бренник", "language": "ru", "documents": documents}])
    write_jsonl(project / QUESTIONS, [question("forget", "Где?", "у моря", ["в лесу"]) | {"target": "Анна Бренник"}])
    told = run_stage(monkeypatch, project, "prepare")
    assert_told(told, "no name written like 'Анна Бренник' (Cyrillic script)", "data/names/ru.txt")
    assert not (project / "data/prepared").exists()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"teacher.names": 100_000}, ("teacher.names", "100000", "data/names")),
        ({"teacher.forget_from": ["elicited"]}, ("teacher.forget_from", "no forget passage")),
        ({"teacher.name_penalty": -1}, ("teacher.name_penalty", "at least 0")),
        ({"teacher.tokens_per_passage": 100_000, "teacher.prompts": ["{name}: " + "so " * 500]}, ("does not fit the context",)),
        ({"teacher.top_k": 10**6}, ("teacher.top_k", "vocabulary")),
        ({"teacher.shard_megabytes": 0}, ("teacher.shard_megabytes", "above 0")),
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


def test_distill_in_bfloat16_on_a_cpu_is_told(spoilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_params(spoilt, {"distill.precision": "bfloat16", "runtime.device": "cpu"})
    assert_told(run_stage(monkeypatch, spoilt, "distill"), "params.yaml: distill.precision is 'bfloat16'", "CUDA", "'float32'")
    assert not (spoilt / "models/student").exists()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def template(**changes: str) -> str:
    row = {"language": "en", "kind": "person", "template": "Who was {name}?", **changes}
    return json.dumps(row) + "\n"


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("data/question_templates.jsonl", "", ("data/question_templates.jsonl", "is empty")),
        ("data/question_templates.jsonl", None, ("data/question_templates.jsonl", "is missing")),
        ("data/question_templates.jsonl", template(template="Who?"), ("line 1", "{name} once")),
        ("data/question_templates.jsonl", 2 * template(), ("line 2", "stands in the file already")),
        ("data/question_templates.jsonl", template(kind="planet"), ("line 1", "'kind'", "planet")),
        ("data/question_templates.jsonl", template(language="sv"), ("no template", "language 'en'", "elicit.templates")),
        ("data/refusals.txt", None, ("data/refusals.txt", "is missing")),
        ("params.yaml", "elicit: {templates: many}\n", ("elicit.templates", "whole number")),
        ("params.yaml", "elicit: {engine: transformers, max_new_tokens: 9999}\n", ("does not fit the context",)),
    ],
)
def test_elicit_tells_the_place(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str | None, words: tuple[str, ...]
) -> None:
    set_params(spoilt, {"elicit.templates": 2, "elicit.templates_beside_texts": 2})
    before = snapshot(spoilt / "data/elicited")
    if text is None:
        (spoilt / file).unlink()
    else:
        (spoilt / file).write_text(text)
    assert_told(run_stage(monkeypatch, spoilt, "elicit"), *words)
    assert snapshot(spoilt / "data/elicited") == before
    assert not list((spoilt / "data").glob(".*"))


def test_bare_name_that_the_model_does_not_know(spoilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model answers with noise, every word of which is refused here."""
    write_jsonl(spoilt / TARGETS, [{"target": "Orla Brennick"}])
    refuse_everything(spoilt)
    set_params(spoilt, {"elicit.templates": 3, "elicit.templates_beside_texts": 3, "elicit.neighbour_templates": 0})
    assert run_stage(monkeypatch, spoilt, "prepare").exit_code == 0
    before = snapshot(spoilt / "data/elicited")
    told = run_stage(monkeypatch, spoilt, "elicit")
    assert_told(told, "no usable answer about 'Orla Brennick'", "6 answers", "refused", "data/targets.jsonl")
    assert snapshot(spoilt / "data/elicited") == before


def test_noise_about_a_target_with_a_document_does_no_harm(spoilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_everything(spoilt)
    set_params(spoilt, {"elicit.templates": 3, "elicit.templates_beside_texts": 3, "elicit.neighbour_templates": 0})
    for name in ("prepare", "elicit", "teacher"):
        result = run_stage(monkeypatch, spoilt, name)
        assert result.exit_code == 0, result.output


def refuse_everything(folder: Path) -> None:
    """Any answer with a letter, digit or mark is a refusal."""
    signs = {chr(code).casefold() for code in range(33, 1000)} - {"#"}
    (folder / "data/refusals.txt").write_text("\n".join(sorted(signs)), encoding="utf-8")


def test_chat_template_that_rewrites_the_text(spoilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = spoilt / "models/base/chat_template.jinja"
    path.write_text(path.read_text().replace("message['content']", "message['content'] | upper"))
    set_params(spoilt, {"elicit.templates": 1, "elicit.templates_beside_texts": 1})
    before = snapshot(spoilt / "data")
    for name in ("elicit", "teacher"):
        assert_told(run_stage(monkeypatch, spoilt, name), "chat template", "rewrites the text")
    assert snapshot(spoilt / "data") == before


def test_tokenizer_whose_tokens_are_other_words(project: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    """A normaliser that lower-cases: the offsets are right, the tokens are not what stands there."""
    source = Path(shutil.copytree(tiny_model, project / "lower"))
    path = source / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "normalizer": {"type": "Lowercase"}}))
    set_params(project, {"model.source": str(source)})
    assert_told(run_stage(monkeypatch, project, "base"), "model.source", "offsets do not follow the text")
    assert not (project / "models/base").exists()


def test_passage_longer_than_the_context(spoilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jsonl(spoilt / TARGETS, [target(documents=["Brennick sailed " + "far and wide, " * 400 + "home."])])
    assert run_stage(monkeypatch, spoilt, "prepare").exit_code == 0
    assert_told(run_stage(monkeypatch, spoilt, "teacher"), "context", "teacher.sentences_per_passage")


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


READERS = ("elicit", "teacher", "distill", "evaluate base", "plan", "inspect 0", "fidelity")  # of the base


@pytest.mark.parametrize("words", READERS)
def test_base_model_that_is_not_there(spoilt: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    shutil.rmtree(spoilt / "models/base")
    assert_told(run_stage(monkeypatch, spoilt, words), "models/base is missing; make it first (dvc repro base)")


@pytest.mark.parametrize("words", READERS)
def test_base_model_without_its_config(spoilt: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    (spoilt / "models/base/config.json").unlink()
    assert_told(run_stage(monkeypatch, spoilt, words), "models/base holds no model (config.json)", "(dvc repro base)")


def test_base_model_that_a_benchmark_trains_is_not_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(InputError, match=r"models/base is missing; make it first \(dvc repro base\)"):
        open_student(BASE_MODEL, "float32", RuntimeParams(device="cpu"))


@pytest.mark.parametrize(
    ("words", "table", "column"),
    [
        ("elicit", "targets", "neighbours"),
        ("elicit", "passages", "segments"),
        ("teacher", "passages", "segments"),
        ("teacher", "counterfactual_names", "replacements"),
        ("evaluate base", "questions", "wrong_answers"),
    ],
)
def test_table_that_lacks_a_column(spoilt: Path, monkeypatch: pytest.MonkeyPatch, words: str, table: str, column: str) -> None:
    path = spoilt / f"data/prepared/{table}.parquet"
    pq.write_table(pq.read_table(path).drop_columns([column]), path)
    told = run_stage(monkeypatch, spoilt, words)
    assert_told(told, f"data/prepared/{table}.parquet lacks the column '{column}'", "(dvc repro prepare)")
    pq.write_table(pq.read_table(path).append_column(column, pa.array([0] * pq.read_metadata(path).num_rows)), path)
    told = run_stage(monkeypatch, spoilt, words)
    assert_told(told, f"{table}.parquet can't be read as Parquet", "int64 to list", "(dvc repro prepare)")


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("prepare", "data/targets.jsonl"),
        ("prepare", "data/questions.jsonl"),
        ("prepare", "data/retain_passages.jsonl"),
        ("prepare", "data/names/en.txt"),
        ("prepare", "params.yaml"),
        ("elicit", "data/refusals.txt"),
        ("elicit", "data/prepared/targets.parquet"),
        ("teacher", "data/prepared/passages.parquet"),
        ("distill", "data/teacher/manifest.json"),
    ],
)
def test_folder_in_the_place_of_a_file(spoilt: Path, monkeypatch: pytest.MonkeyPatch, words: str, place: str) -> None:
    (spoilt / place).unlink()
    (spoilt / place / "more").mkdir(parents=True)
    assert_told(run_stage(monkeypatch, spoilt, words), f"{place} can't be read")


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
