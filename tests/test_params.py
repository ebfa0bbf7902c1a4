"""params.yaml: types, ranges, and messages that name the key."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.params import (
    SECTIONS,
    DistillParams,
    EvaluateParams,
    ModelParams,
    PrepareParams,
    RuntimeParams,
    TeacherParams,
    load_params,
)
from tests.project import ROOT


def load(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return load_params(path)


def message(tmp_path: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    assert caught.value.exit_code == 2
    return caught.value.message


@pytest.mark.parametrize("number", ["3e-06", "3.0e-06", "0.000003"])
def test_number_as_dvc_writes_it_is_a_float(tmp_path: Path, number: str) -> None:
    params = load(tmp_path, f"distill: {{learning_rate: {number}}}")["distill"]
    assert isinstance(params, DistillParams)
    assert params.learning_rate == 3e-6
    assert type(params.learning_rate) is float


def test_whole_number_is_taken_for_a_float(tmp_path: Path) -> None:
    params = load(tmp_path, "distill: {max_grad_norm: 2}")["distill"]
    assert isinstance(params, DistillParams)
    assert type(params.max_grad_norm) is float


def test_off_is_a_word_not_false(tmp_path: Path) -> None:
    params = load(tmp_path, "teacher: {reverse_swap: off}")["teacher"]
    assert isinstance(params, TeacherParams)
    assert params.reverse_swap == "off"


@pytest.mark.parametrize("text", ["", "distill:\n", "distill: {}"])
def test_missing_keys_take_their_defaults(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == {
        "model": ModelParams(),
        "prepare": PrepareParams(),
        "teacher": TeacherParams(),
        "distill": DistillParams(),
        "evaluate": EvaluateParams(),
        "runtime": RuntimeParams(),
    }


def test_the_projects_own_file_is_valid() -> None:
    assert set(load_params(ROOT / "params.yaml")) == set(SECTIONS)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("distil: {epochs: 1}", "distil"),
        ("distill: {epoch: 1}", "distill.epoch"),
        ("distill: {epochs: three}", "distill.epochs"),
        ("distill: {epochs: 3.0}", "distill.epochs"),
        ("distill: {epochs: true}", "distill.epochs"),
        ("distill: {learning_rate: true}", "distill.learning_rate"),
        ("distill: {learning_rate: '1'}", "distill.learning_rate"),
        ("distill: {learning_rate: 0}", "distill.learning_rate"),
        ("distill: {learning_rate: .nan}", "distill.learning_rate"),
        ("distill: {warmup_fraction: 1.1}", "distill.warmup_fraction"),
        ("distill: {retain_weight: -0.1}", "distill.retain_weight"),
        ("distill: {epochs: 0}", "distill.epochs"),
        ("distill: {epochs: null}", "distill.epochs"),
        ("distill: 3", "distill"),
        ("prepare: {targets: Newton}", "prepare.targets"),
        ("prepare: {targets: [1]}", "prepare.targets"),
        ("prepare: {language: 3}", "prepare.language"),
        ("teacher: {engine: torch}", "teacher.engine"),
        ("teacher: {engine: [vllm]}", "teacher.engine"),
        ("teacher: {names: 0}", "teacher.names"),
        ("teacher: {prompts: [Go on.]}", "teacher.prompts"),
        ("evaluate: {bootstrap_samples: 99}", "evaluate.bootstrap_samples"),
        ("evaluate: {seed: -1}", "evaluate.seed"),
        ("runtime: {gpu_memory_utilization: 1.01}", "runtime.gpu_memory_utilization"),
    ],
)
def test_faulty_value_is_told_with_its_key(tmp_path: Path, text: str, key: str) -> None:
    words = message(tmp_path, text).replace(":", " ").split()
    assert key in words


def test_limits_themselves_are_allowed(tmp_path: Path) -> None:
    params = load(tmp_path, "distill: {warmup_fraction: 1, retain_weight: 0, epochs: 1}")["distill"]
    assert params == DistillParams(warmup_fraction=1.0, retain_weight=0.0, epochs=1)


def test_fewer_scored_than_kept_tokens_is_refused(tmp_path: Path) -> None:
    told = message(tmp_path, "teacher: {top_k: 64, scored_top_k: 63}")
    assert "teacher.scored_top_k (63)" in told
    assert "teacher.top_k (64)" in told
    assert load(tmp_path, "teacher: {top_k: 64, scored_top_k: 64}")["teacher"] == TeacherParams(top_k=64, scored_top_k=64)


def test_broken_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in message(tmp_path, "teacher: {}\ndistill: {epochs: 1]\n")


@pytest.mark.parametrize("text", ["- teacher", "teacher", "3"])
def test_file_without_sections_is_refused(tmp_path: Path, text: str) -> None:
    assert "must hold sections" in message(tmp_path, text)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        load_params(tmp_path / "params.yaml")
