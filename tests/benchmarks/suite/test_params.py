"""benchmarks/configs/NAME.yaml: methods by their sections, and messages that name file and key."""

from pathlib import Path

import pytest

from benchmarks.suite.params import BenchmarkFolders, BenchmarkParams, benchmark_names, load_benchmark
from pipeline.core.errors import InputError
from pipeline.teacher.params import UNLEARNING_PROMPT
from tests.project import ROOT

METHODS = "methods:\n  ours: {distill: {epochs: 3}}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "benchmarks/configs"
    folder.mkdir(parents=True)
    return folder


def load(folder: Path, text: str) -> BenchmarkParams:
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    return load_benchmark("mine")


def test_every_benchmark_of_the_project_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert benchmark_names() == ["people", "project", "rwku", "tofu", "tuning", "wpu"]
    for name in benchmark_names():
        assert load_benchmark(name).methods


def test_every_teacher_has_passages_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who is given by the bare name has no text but what the base says when it is asked."""
    monkeypatch.chdir(ROOT)
    bare = [name for name in benchmark_names() if (prepare := load_benchmark(name).prepare) and prepare.subset == "bare"]
    assert bare == ["rwku"]
    for name in bare:
        teachers = [method.teacher for method in load_benchmark(name).methods.values() if method.teacher]
        assert len(teachers) == 3
        assert all("elicited" in teacher.forget_from for teacher in teachers)


def test_method_has_the_sections_it_is_given_and_the_others_are_none(here: Path) -> None:
    benchmark = load(here, METHODS + "  asked: {prompting: {}}\n  hp: {teacher: {preset: whp}, distill: {}}\n")
    ours, asked, hp = (benchmark.method(name) for name in ("ours", "asked", "hp"))
    assert ours.distill and ours.distill.epochs == 3
    assert (ours.teacher, ours.baseline, ours.prompting) == (None, None, None)
    assert asked.prompting and asked.prompting.system_prompt == UNLEARNING_PROMPT
    assert hp.teacher and hp.teacher.names == 1


def test_all_benchmarks_are_laid_out_alike_whatever_their_sections(here: Path) -> None:
    for sections in ("", "prepare: {source: tofu}\nfinetune: {}\n"):
        folders = load(here, METHODS + sections).folders
        assert folders.folder == Path("benchmarks/results/mine")
        assert folders.base == Path("benchmarks/results/mine/models/base-0")
        assert folders.prepared == Path("benchmarks/results/mine/prepared")
        assert folders.params == Path("benchmarks/configs/mine.yaml")


def test_model_of_a_run_is_the_methods_and_the_references_have_one_for_all_seeds() -> None:
    folders = BenchmarkFolders(Path("benchmarks/results/mine"))
    assert folders.model("base", 3) == folders.base
    assert folders.model("retain_only", 3) == Path("benchmarks/results/mine/models/retain_only-0")
    assert folders.model("npo", 3) == Path("benchmarks/results/mine/models/npo-3")


def test_model_that_is_not_there_is_an_error_that_names_it(here: Path) -> None:
    benchmark = load(here, METHODS)
    folder = benchmark.folders.model("ours", 1)
    with pytest.raises(InputError, match=r"mine/models/ours-1 is missing"):
        benchmark.model("ours", 1)
    folder.mkdir(parents=True)
    (folder / "config.json").touch()
    assert benchmark.model("ours", 1) == folder
    with pytest.raises(InputError, match="it has ours"):
        benchmark.model("theirs", 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "methods must be a section"),
        (METHODS + "methodes: {}\n", "section methodes is unknown"),
        ("methods: {base: {prompting: {}}}", "methods.base can't be a method's name"),
        ("methods: {'../x': {prompting: {}}}", "can't be a method's name"),
        ("methods: {ours: {}}", "methods.ours must have exactly one of distill, baseline, prompting"),
        ("methods: {ours: {distill: {}, prompting: {}}}", "exactly one of"),
        ("methods: {ours: {teacher: {}}}", "exactly one of"),
        ("methods: {ours: {distill: {epochs: 0}}}", "methods.ours.distill.epochs is 0"),
        ("methods: {ours: {distill: {epoch: 1}}}", "methods.ours.distill.epoch is unknown"),
        ("methods: {ours: {prune: {}}}", "methods.ours.prune is unknown"),
        ("methods: {ours: 3}", "methods.ours must be a section"),
        (METHODS + "evaluate: {seed: x}\n", "evaluate.seed is 'x'"),
        ("methods: {ours: {teacher: {prompts: [Go on.]}, distill: {}}}", "methods.ours.teacher.prompts holds 'Go on.'"),
        ("methods: {ours: {baseline: {prompts: [Go on.]}}}", "methods.ours.baseline.prompts holds 'Go on.'"),
        (METHODS + "held_out: {top_k: 0}\n", "held_out.top_k is 0"),
        (METHODS + "held_out: {top_q: 4}\n", "held_out.top_q is unknown"),
        (METHODS + "judge: {judge: openai}\n", "judge.model is empty"),
        (METHODS + "attacks: {soft_held_out_folds: 1}\n", "attacks.soft_held_out_folds is 1"),
    ],
)
def test_fault_is_told_with_file_and_key(here: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        load(here, text)
    assert told in caught.value.message
    assert caught.value.message.startswith("benchmarks/configs/mine.yaml")


def test_unknown_benchmark_and_method_are_told_what_there_is(here: Path) -> None:
    benchmark = load(here, METHODS)
    with pytest.raises(InputError, match="the benchmarks are mine"):
        load_benchmark("yours")
    with pytest.raises(InputError, match="it has ours"):
        benchmark.method("theirs")
