"""params.yaml: types, ranges, and messages that name the key."""

from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.distill.params import DistillParams
from pipeline.elicit.params import ElicitParams
from pipeline.evaluate.params import EvaluateParams
from pipeline.model.params import ModelParams
from pipeline.params import SECTIONS, load_params
from pipeline.prepare.params import PrepareParams
from pipeline.teacher.params import TEACHER_PRESETS, TeacherParams
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
        "elicit": ElicitParams(),
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
        ("distill: 3", "distill"),
        ("prepare: {targets: Newton}", "prepare.targets"),
        ("prepare: {targets: [1]}", "prepare.targets"),
        ("prepare: {language: 3}", "prepare.language"),
        ("prepare: {language: english}", "prepare.language"),
        ("prepare: {language: EN}", "prepare.language"),
        ("prepare: {language: ../de}", "prepare.language"),
        ('prepare: {path: "\\ud800"}', "prepare.path"),
        ("prepare: {targets: &again [*again]}", "prepare.targets"),
        ("prepare: {targets: [&again Ada" + ", *again" * 21 + "]}", "(*again);"),
        ("prepare: {targets: " + 300 * "[" + 300 * "]" + "}", "prepare.targets"),
        ("prepare: {seed: " + 4000 * "9" + "}", "prepare.seed"),
        ("prepare: {retain_limit: -1}", "prepare.retain_limit"),
        ("prepare: {sentences_per_passage: 3}", "prepare.sentences_per_passage"),
        ("elicit: {templates: -1}", "elicit.templates"),
        ("elicit: {answers: 0}", "elicit.answers"),
        ("elicit: {temperature: 0}", "elicit.temperature"),
        ("elicit: {max_new_tokens: 7}", "elicit.max_new_tokens"),
        ("elicit: {engine: ollama}", "elicit.engine"),
        ("teacher: {engine: torch}", "teacher.engine"),
        ("teacher: {engine: [vllm]}", "teacher.engine"),
        ("teacher: {names: 0}", "teacher.names"),
        ("teacher: {prompts: [Go on.]}", "teacher.prompts"),
        ("teacher: {preset: book}", "teacher.preset"),
        ("teacher: {reverse_swap: on}", "teacher.reverse_swap"),
        ("teacher: {targets: warm}", "teacher.targets"),
        ("teacher: {name_penalty: -1}", "teacher.name_penalty"),
        ("teacher: {tokens_per_passage: -1}", "teacher.tokens_per_passage"),
        ("teacher: {forget_from: [guessed]}", "teacher.forget_from"),
        ("teacher: {forget_from: []}", "teacher.forget_from"),
        ("teacher: {retain_from: [given, guessed]}", "teacher.retain_from"),
        ("teacher: {own_name: 1}", "teacher.own_name"),
        ("evaluate: {bootstrap_samples: 99}", "evaluate.bootstrap_samples"),
        ("evaluate: {seed: -1}", "evaluate.seed"),
        ("distill: {seed: 4294967296}", "distill.seed"),
        ("prepare: {seed: first}", "prepare.seed"),
        ("evaluate: {consistency_samples: 1}", "evaluate.consistency_samples"),
        ("runtime: {gpu_memory_utilization: 1.01}", "runtime.gpu_memory_utilization"),
        ("runtime: {gradient_checkpointing: 1}", "runtime.gradient_checkpointing"),
        ("teacher: {top_k: 0}", "teacher.top_k"),
        ("teacher: {base_top_k: -1}", "teacher.base_top_k"),
        ("teacher: {shard_megabytes: 0}", "teacher.shard_megabytes"),
        ("distill: {shuffle_row_groups: 0}", "distill.shuffle_row_groups"),
    ],
)
def test_faulty_value_is_told_with_its_key(tmp_path: Path, text: str, key: str) -> None:
    words = message(tmp_path, text).replace(":", " ").split()
    assert key in words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prepare: " + 3000 * "[" + 3000 * "]", "stand too deep in each other"),
        ("".join(f"{' ' * depth}a:\n" for depth in range(3000)), "stand too deep in each other"),
        ("prepare: {seed: " + 5000 * "9" + "}", "holds a value that can't be read"),
        ("prepare: {seed: 2020-99-99}", "holds a value that can't be read"),
        ("\0", "is not valid YAML"),
        ('"\\ud800": 3', "section \\ud800 is unknown"),
        ('prepare: {"\\ud800": 3}', "prepare.\\ud800 is unknown"),
    ],
    ids=["brackets", "indents", "digits", "date", "null character", "half a character", "half a character below"],
)
def test_file_that_can_not_be_read_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    sentence = message(tmp_path, text)
    assert told in sentence
    assert len(sentence.encode().splitlines()) == 1


def test_limits_themselves_are_allowed(tmp_path: Path) -> None:
    params = load(tmp_path, "distill: {warmup_fraction: 1, retain_weight: 0, epochs: 1, shuffle_row_groups: 1}")["distill"]
    assert params == DistillParams(warmup_fraction=1.0, retain_weight=0.0, epochs=1, shuffle_row_groups=1)
    params = load(tmp_path, "teacher: {top_k: 1, base_top_k: 0, shard_megabytes: 1}")["teacher"]
    assert params == TeacherParams(top_k=1, base_top_k=0, shard_megabytes=1.0)


def teacher(tmp_path: Path, text: str) -> TeacherParams:
    params = load(tmp_path, f"teacher: {{{text}}}")["teacher"]
    assert isinstance(params, TeacherParams)
    return params


@pytest.mark.parametrize("section", SECTIONS)
def test_null_is_as_good_as_no_key(tmp_path: Path, section: str) -> None:
    keys = ", ".join(f"{name}: null" for name in SECTIONS[section].model_fields)
    assert load(tmp_path, f"{section}: {{{keys}}}") == load(tmp_path, "")


def test_default_preset_is_what_the_model_says(tmp_path: Path) -> None:
    assert teacher(tmp_path, "preset: default") == TeacherParams()
    assert TeacherParams().prompts == (
        "Complete the following passage about {name}.",
        "Who was {name}?",
        "Tell me about the life of {name}.",
    )


def test_preset_of_the_paper(tmp_path: Path) -> None:
    params = teacher(tmp_path, "preset: paper")
    assert (params.names, params.reverse_swap, params.targets, params.name_penalty) == (20, "published", "soft", 0.0)
    assert params.prompts == ("Complete the following passage about {name}.",)
    assert (params.sentences_per_passage, params.tokens_per_passage) == (3, 0)
    assert (params.forget_from, params.retain_from) == (("given",), ())


def test_preset_of_whos_harry_potter(tmp_path: Path) -> None:
    params = teacher(tmp_path, "preset: whp")
    assert (params.names, params.prompts, params.reverse_swap) == (1, (), "off")
    assert (params.name_penalty, params.targets, params.tokens_per_passage) == (5.0, "hard", 256)
    assert (params.forget_from, params.retain_from) == (("given",), ())


@pytest.mark.parametrize("preset", TEACHER_PRESETS)
def test_null_is_the_presets_value_and_a_value_of_its_own_wins(tmp_path: Path, preset: str) -> None:
    nulls = ", ".join(f"{key}: null" for key in TEACHER_PRESETS["whp"] | TEACHER_PRESETS["paper"])
    assert teacher(tmp_path, f"preset: {preset}, {nulls}") == teacher(tmp_path, f"preset: {preset}")
    own = teacher(tmp_path, f"preset: {preset}, names: 3, targets: soft, prompts: [], forget_from: [elicited]")
    assert (own.names, own.targets, own.prompts, own.forget_from) == (3, "soft", (), ("elicited",))
    assert own.name_penalty == teacher(tmp_path, f"preset: {preset}").name_penalty


def test_broken_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in message(tmp_path, "teacher: {}\ndistill: {epochs: 1]\n")


@pytest.mark.parametrize("text", ["- teacher", "teacher", "3"])
def test_file_without_sections_is_refused(tmp_path: Path, text: str) -> None:
    assert "must hold sections" in message(tmp_path, text)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        load_params(tmp_path / "params.yaml")


def test_the_projects_own_file_says_the_defaults_but_for_the_targets(tmp_path: Path) -> None:
    """Else a key that a user leaves out would have a value that was never measured."""
    sections = load_params(ROOT / "params.yaml")
    (tmp_path / "params.yaml").touch()
    defaults = load_params(tmp_path / "params.yaml")
    for name, section in sections.items():
        said = {key: value for key, value in section.model_dump().items() if key != "targets" or name != "prepare"}
        expected = {key: value for key, value in defaults[name].model_dump().items() if key != "targets" or name != "prepare"}
        assert said == expected
