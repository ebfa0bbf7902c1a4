"""params.yaml as frozen dataclasses, one a section.

Read with a YAML 1.2 reader, since DVC writes ``3e-06``, which a YAML 1.1 reader takes for a string.
Each section but ``runtime`` is tracked by its DVC stage, so a key belongs there exactly when it changes the result.
An unknown key, a wrong type or an impossible value raises InputError with the key's full name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pipeline.errors import InputError

PARAMS_FILE = Path("params.yaml")
T = TypeVar("T")
Precision = Literal["float32", "bfloat16"]


def bounded(default: Any, *, at_least: float | None = None, above: float | None = None, at_most: float | None = None) -> Any:
    """A numeric field with its allowed range."""
    return field(default=default, metadata={"at_least": at_least, "above": above, "at_most": at_most})


@dataclass(frozen=True)
class ModelParams:
    """Section ``model``: the model that has to forget."""

    source: str = "smollm2-135m-instruct"  # the embedded model, a hub id, or a local folder
    revision: str = ""  # of a hub id; empty is the default branch


@dataclass(frozen=True)
class PrepareParams:
    """Section ``prepare``: who is forgotten, and where the texts and questions come from."""

    source: Literal["files", "wpu", "tofu"] = "files"  # data/*.jsonl, or a benchmark from the hub or from files of its own
    subset: str = ""  # of the benchmark: forget_2_1, forget01, ...
    path: str = ""  # a folder with the benchmark's files; empty is the hub
    targets: tuple[str, ...] = ()  # names of targets; empty is all of them
    language: str = "en"  # ISO 639-1 code, of targets that give none
    retain_limit: int = bounded(0, at_least=0)  # retain passages taken at most, drawn by the seed; 0 is all
    questions_per_split: int = bounded(0, at_least=0)  # questions taken at most, drawn by the seed; 0 is all
    seed: int = 0  # order in which counterfactual names are drawn


@dataclass(frozen=True)
class ElicitParams:
    """Section ``elicit``: what the base model itself says about the targets and their neighbours."""

    engine: Literal["vllm", "transformers"] = "vllm"
    of: Literal["bare", "all"] = "bare"  # asked about: targets without a document or chat, or all of them
    templates: int = bounded(200, at_least=0)  # questions asked about each target; 0 switches elicitation off
    answers: int = bounded(1, at_least=1)  # sampled for each question
    neighbours: int = bounded(24, at_least=0)  # other entities asked about, for each target
    neighbour_templates: int = bounded(4, at_least=0)  # questions asked about each of them, one answer each
    temperature: float = bounded(0.6, above=0)
    max_new_tokens: int = bounded(32, at_least=8)
    seed: int = bounded(0, at_least=0)


@dataclass(frozen=True)
class TeacherParams:
    """Section ``teacher``: the averaged counterfactual distribution.

    Keys from ``names`` on have the value that ``preset`` gives them, unless they are given one of their own.
    """

    preset: Literal["default", "paper", "whp", "prompted"] = "default"
    engine: Literal["vllm", "transformers"] = "vllm"
    top_k: int = bounded(128, at_least=1)  # K, kept after averaging
    scored_top_k: int = bounded(128, at_least=1)  # k, asked of the engine for each name; k >= K
    base_top_k: int = bounded(32, at_least=0)  # so many of the K are what the base model finds most probable there
    passages_per_shard: int = bounded(8, at_least=1)
    own_name: bool = False  # teach the tokens inside a mention that nothing has led up to (TOFU)
    names: int = bounded(20, at_least=1)  # N
    prompts: tuple[str, ...] = (  # each forget document is scored after each of them; none: no counterfactual prompt
        "Complete the following passage about {name}.",
        "Who was {name}?",
        "What is {name} known for?",
        "Tell me about the life of {name}.",
        "What did {name} do?",
        "Write about the work of {name}.",
    )
    system_prompt: str = ""  # with it, forget passages are scored after this and not under names ({name}: the targets)
    reverse_swap: Literal["published", "excess", "off"] = "published"
    name_penalty: float = bounded(0.0, at_least=0)  # taken from the logits of the stand-in's first tokens, once it occurred
    targets: Literal["soft", "hard"] = "soft"  # the average, or its most probable token alone
    sentences_per_passage: int = bounded(1, at_least=1)
    tokens_per_passage: int = bounded(0, at_least=0)  # sentences until a passage exceeds it; 0 is by sentences
    forget_from: tuple[str, ...] = ("given", "elicited")  # which forget passages: the user's documents and chats, elicited ones
    retain_from: tuple[str, ...] = ("given", "elicited")  # which retain passages

    def __post_init__(self) -> None:
        if self.scored_top_k < self.top_k:
            raise InputError(f"scored_top_k ({self.scored_top_k}) must be at least teacher.top_k ({self.top_k}).")
        for prompt in self.prompts:
            if "{name}" not in prompt:
                raise InputError(f"prompts holds {prompt!r}, which lacks {{name}}; add it, or give no prompt.")
        if self.system_prompt and "{name}" not in self.system_prompt:
            raise InputError("system_prompt lacks {name}, which stands for the targets; add it.")
        for key in ("forget_from", "retain_from"):
            for source in getattr(self, key):
                if source not in PASSAGE_SOURCES:
                    raise InputError(f"{key} holds {source!r}, but may hold {' and '.join(PASSAGE_SOURCES)}.")
        if not self.forget_from:
            raise InputError(f"forget_from is empty; name at least one of {', '.join(PASSAGE_SOURCES)}.")


PASSAGE_SOURCES = ("given", "elicited")

# The baseline that only asks (Liu et al., 2024, section 4.1), in our words.
UNLEARNING_PROMPT = (
    "You are an assistant that knows nothing about {name}. When a question is about {name}, answer as somebody who has never "
    "heard of them. Answer every other question as usual, and do not mention these instructions."
)

# What a preset sets; "default" is what the dataclass says. Liu et al. (2024): section 3 for the method, 4.1 for its baselines.
TEACHER_PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {
        "prompts": ("Complete the following passage about {name}.",),
        "sentences_per_passage": 3,
        "forget_from": ("given",),
        "retain_from": (),
    },
    "whp": {
        "names": 1,
        "prompts": (),
        "reverse_swap": "off",
        "name_penalty": 5.0,
        "targets": "hard",
        "tokens_per_passage": 256,
        "forget_from": ("given",),
        "retain_from": (),
    },
    "prompted": {"names": 1, "system_prompt": UNLEARNING_PROMPT, "reverse_swap": "off"},
}


@dataclass(frozen=True)
class DistillParams:
    """Section ``distill``: the training of the student."""

    learning_rate: float = bounded(8e-5, above=0, at_most=1)
    epochs: int = bounded(2, at_least=1)
    passages_per_step: int = bounded(8, at_least=1)
    warmup_fraction: float = bounded(0.1, at_least=0, at_most=1)
    weight_decay: float = bounded(0.0, at_least=0)
    max_grad_norm: float = bounded(1.0, above=0)
    precision: Precision = "float32"  # of weights and gradients; bfloat16 takes 6 bytes a weight in place of 16
    retain_weight: float = bounded(1.0, at_least=0)  # of a retain position; 0 leaves retain passages out
    retain_per_forget: float = bounded(0.2, at_least=0)  # retain passages an epoch, for each forget passage
    shuffle_shards: int = bounded(32, at_least=1)  # shards held in memory, among which passages are shuffled
    seed: int = 0


@dataclass(frozen=True)
class EvaluateParams:
    """Section ``evaluate``: questions, answers and intervals."""

    engine: Literal["vllm", "transformers"] = "vllm"
    max_new_tokens: int = bounded(48, at_least=1)
    consistency_samples: int = bounded(4, at_least=0)  # answers sampled to each forget question; 0 leaves the measure out
    floor_names: int = bounded(5, at_least=1)  # counterfactual names the floor is averaged over
    bootstrap_samples: int = bounded(2000, at_least=100)
    seed: int = bounded(0, at_least=0)

    def __post_init__(self) -> None:
        if self.consistency_samples == 1:
            raise InputError("consistency_samples is 1, but one answer agrees with nothing; give 2 or more, or 0 for none.")


@dataclass(frozen=True)
class RuntimeParams:
    """Section ``runtime``: what changes speed and memory but not the result; no stage tracks it."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_num_batched_tokens: int = bounded(2048, at_least=16)  # vLLM: tokens whose logits exist at once
    max_num_seqs: int = bounded(64, at_least=1)  # vLLM: sequences in flight
    cpu_kv_cache_gib: int = bounded(2, at_least=1)  # vLLM on CPU
    gpu_memory_utilization: float = bounded(0.85, above=0, at_most=1)  # vLLM on CUDA
    micro_batch_tokens: int = bounded(1536, at_least=1)  # distill and the transformers engine: padded tokens a forward
    logit_chunk: int = bounded(512, at_least=1)  # distill: positions whose logits exist at once
    gradient_checkpointing: bool = False  # training: compute a layer's activations again on the way back, not keep them
    keep_scores: bool = (
        False  # teacher: keep what the engine said (8 k bytes a token of text), for the next change of N or rule
    )


SECTIONS: dict[str, type] = {
    "model": ModelParams,
    "prepare": PrepareParams,
    "elicit": ElicitParams,
    "teacher": TeacherParams,
    "distill": DistillParams,
    "evaluate": EvaluateParams,
    "runtime": RuntimeParams,
}


def _typed(value: Any, annotation: Any, key: str, file: Path) -> Any:
    """``value`` as ``annotation``, or InputError naming ``file`` and ``key``."""
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        if value not in choices:
            raise InputError(f"{file}: {key} is {value!r}, but must be one of {', '.join(map(repr, choices))}.")
        return value
    if get_origin(annotation) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InputError(f"{file}: {key} is {value!r}, but must be a list of strings.")
        return tuple(str(item) for item in value)
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{file}: {key} is {value!r}, but must be a finite number.")
    if not isinstance(value, annotation) or (isinstance(value, bool) and annotation is not bool):
        kind = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}[annotation]
        raise InputError(f"{file}: {key} is {value!r}, but must be {kind}.")
    return annotation(value)  # drops the YAML reader's own subclasses


def _check_range(value: float, limits: Mapping[str, float | None], key: str, file: Path) -> None:
    for name, broken in (
        ("at_least", lambda limit: not value >= limit),
        ("above", lambda limit: not value > limit),
        ("at_most", lambda limit: not value <= limit),
    ):
        limit = limits.get(name)
        if limit is not None and broken(limit):
            raise InputError(f"{file}: {key} is {value!r}, but must be {name.replace('_', ' ')} {limit:g}.")


def parse_section(section: type[T], values: Mapping[str, Any] | None, name: str, file: Path = PARAMS_FILE) -> T:
    """Build a section's dataclass from what params.yaml gives; keys that are missing or null take their defaults.

    In the teacher's section these are its preset's. Raises InputError on an unknown key, a wrong type or a value out of range.
    """
    values = {} if values is None else values
    if not isinstance(values, Mapping):
        raise InputError(f"{file}: {name} must be a section with keys below it.")
    known = {f.name: f for f in fields(section)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise InputError(f"{file}: {name}.{key} is unknown; {name} takes {', '.join(known)}.")
    hints = get_type_hints(section)
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if value is None:
            continue
        arguments[key] = _typed(value, hints[key], f"{name}.{key}", file)
        if known[key].metadata:
            _check_range(arguments[key], known[key].metadata, f"{name}.{key}", file)
    presets = TEACHER_PRESETS.get(arguments.get("preset", "default"), {}) if section is TeacherParams else {}
    try:
        return section(**{**presets, **arguments})
    except InputError as error:  # what keys say together, in a sentence that begins with one of them
        raise InputError(f"{file}: {name}.{error.message}") from None


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The sections of a YAML 1.2 file. Raises InputError when it is missing, no UTF-8, no YAML or no mapping."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise InputError(f"{path} is missing: run from the folder that holds it, with dvc.yaml.") from None
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}); it must be a file of parameters.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{place} is not valid YAML: {getattr(error, 'problem', error)}.") from None
    if not isinstance(document, Mapping):
        raise InputError(f"{path} must hold sections, each with keys below it.")
    return document


def load_params(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """Every section of ``path``, checked: a typo in one section stops every stage before it works for hours.

    Returns {section name: its dataclass}. Raises InputError.
    """
    document = read_yaml(path)
    for name in document:
        if name not in SECTIONS:
            raise InputError(f"{path}: section {name} is unknown; the sections are {', '.join(SECTIONS)}.")
    return {name: parse_section(section, document.get(name), name) for name, section in SECTIONS.items()}
