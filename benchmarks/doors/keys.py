"""Bad inputs in params.yaml: every key with what it can't be, keys that go too far together, and YAML that is none."""

import json
import math
from collections.abc import Iterator
from typing import Any, Literal, get_origin

from benchmarks.doors.files import dangling, made_folder, removed, written
from benchmarks.doors.inputs import Case, Words
from benchmarks.doors.project import PARAMS, set_params
from pipeline.params import SECTIONS

# Who reads a section beside prepare, which reads them all.
_READERS = {
    "model": "base",
    "prepare": "prepare",
    "elicit": "elicit",
    "teacher": "teacher",
    "distill": "distill",
    "evaluate": "evaluate base",
    "runtime": "teacher",
}
_WRONG: dict[Any, tuple[Any, ...]] = {
    int: ("many", 1.5, True, math.nan, -(10**30)),
    float: ("much", True, math.nan, math.inf, -1.0),
    bool: ("yes", 1),
    str: (7, True),
    tuple: ("word", 7, [7]),
}
_DEEP = 3000


def every_key() -> Iterator[Case]:
    """Each key of each section with values of other types and out of range."""
    for section, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            kind = get_origin(field.annotation) or field.annotation
            wrong = ("nonsense", 7) if kind is Literal else _WRONG.get(kind, ())
            for number, value in enumerate((*wrong, {"deeper": 1}, [[1]])):
                stage = "prepare" if number else _READERS[section]
                yield _key(stage, f"{section}.{key}", value, (PARAMS, f"{section}.{key}"))
        yield _case("prepare", f"{section} is a list", f"{section}: [1]\n", (PARAMS, section))
        yield _case(
            "prepare", f"{section} has an unknown key", f"{section}: {{nonsense: 1}}\n", (PARAMS, f"{section}.nonsense")
        )
        nulls = "".join(f"  {name}: null\n" for name in model.model_fields)
        yield _case("prepare", f"every key of {section} is null", f"{section}:\n{nulls}", None)


def _key(stage: str, key: str, value: Any, words: Words) -> Case:
    shown = repr(value)
    return Case(stage, f"{key} = {shown[:60]}", lambda folder: set_params(folder, {key: value}), words)


def _case(stage: str, what: str, text: str | bytes, words: Words) -> Case:
    return Case(stage, what, written(PARAMS, text if isinstance(text, bytes) else text.encode()), words)


def values_too_far() -> Iterator[Case]:
    """Values of the right type that no run can do anything with, at the stage that would."""
    context, most = ("context",), 10**9
    for stage, key, value, words in (
        ("prepare", "prepare.seed", 2**32, ("prepare.seed",)),
        ("prepare", "prepare.targets", ["Nobody"], ("prepare.targets", "Nobody")),
        ("prepare", "prepare.targets", [""], ("prepare.targets",)),
        ("prepare", "prepare.subset", "forget01", ("prepare.subset",)),
        ("prepare", "prepare.path", "nowhere", ("prepare.path", "nowhere")),
        ("prepare", "prepare.path", PARAMS, ("prepare.path", PARAMS)),
        ("prepare", "prepare.path", "a\0b", ("prepare.path",)),
        ("prepare", "prepare.path", "../" * 5000, ("prepare.path",)),
        ("prepare", "prepare.language", "../names/en", ("prepare.language",)),
        ("prepare", "prepare.language", "/etc/passwd", ("prepare.language",)),
        ("prepare", "prepare.language", "english", ("prepare.language",)),
        ("prepare", "prepare.language", "", ("prepare.language",)),
        ("prepare", "prepare.language", "e\0n", ("prepare.language",)),
        ("prepare", "prepare.language", "x" * 5000, ("prepare.language",)),
        ("base", "model.source", "", ("model.source",)),
        ("base", "model.source", ".", ("model.source",)),
        ("base", "model.source", "nowhere/at/all", ("model.source", "nowhere/at/all")),
        ("base", "model.source", "nobody/nothing", ("model.source", "nobody/nothing")),
        ("base", "model.source", "../..", ("model.source",)),
        ("base", "model.source", PARAMS, ("model.source", PARAMS)),
        ("base", "model.source", "a\0b", ("model.source",)),
        ("base", "model.source", "x" * 5000, ("model.source",)),
        ("base", "model.source", "http://127.0.0.1:9/model", ("model.source",)),
        ("base", "model.source", "models/base", None),
        ("base", "model.revision", "main", ("model.revision",)),  # of a folder, which has none
        ("elicit", "elicit.answers", most, ("elicit.answers",)),
        ("elicit", "elicit.max_new_tokens", most, context),
        ("elicit", "elicit.temperature", 1e-300, ("elicit.temperature",)),
        ("elicit", "elicit.temperature", 1e300, ("elicit.temperature",)),
        ("elicit", "elicit.templates_beside_texts", most, None),
        ("teacher", "teacher.names", most, ("teacher.names", str(most))),
        ("teacher", "teacher.top_k", most, ("teacher.top_k",)),
        ("teacher", "teacher.base_top_k", most, None),
        ("teacher", "teacher.prompts", ["{name}: " + "so " * 9000], context),
        ("teacher", "teacher.prompts", [""], ("teacher.prompts",)),
        ("teacher", "teacher.prompts", ["{name"], ("teacher.prompts",)),
        ("teacher", "teacher.prompts", [], None),
        ("teacher", "teacher.system_prompt", "Be still.", ("teacher.system_prompt",)),
        ("teacher", "teacher.forget_from", [], ("teacher.forget_from",)),
        ("teacher", "teacher.forget_from", ["guessed"], ("teacher.forget_from",)),
        ("teacher", "teacher.retain_from", ["given", "given"], None),
        ("teacher", "teacher.name_penalty", 1e308, ("teacher.name_penalty",)),
        ("teacher", "teacher.shard_megabytes", 1e308, None),
        ("teacher", "teacher.sentences_per_passage", most, None),
        ("teacher", "teacher.tokens_per_passage", most, None),
        ("distill", "distill.learning_rate", 1.1, ("distill.learning_rate",)),
        ("distill", "distill.weight_decay", 1e30, None),  # it warns, and keeps the step before
        ("distill", "distill.retain_per_forget", 1e308, ("distill.retain_per_forget",)),
        ("distill", "distill.retain_weight", 1e308, None),
        ("distill", "distill.passages_per_step", most, None),
        ("distill", "distill.shuffle_row_groups", most, None),
        ("distill", "distill.precision", "bfloat16", ("distill.precision",)),
        ("evaluate base", "evaluate.max_new_tokens", most, context),
        ("evaluate base", "evaluate.floor_names", most, ("evaluate.floor_names",)),
        ("evaluate base", "evaluate.consistency_samples", 1, ("evaluate.consistency_samples",)),
        ("evaluate base", "evaluate.consistency_samples", most, ("evaluate.consistency_samples",)),
        ("evaluate base", "evaluate.bootstrap_samples", 10**12, ("evaluate.bootstrap_samples",)),
        ("evaluate base", "evaluate.seed", 2**32, ("evaluate.seed",)),
        ("teacher", "runtime.micro_batch_tokens", most, None),
        ("distill", "runtime.logit_chunk", most, None),
        ("teacher", "runtime.device", "cuda:7", ("runtime.device",)),
    ):
        yield _key(stage, key, value, words)


def yaml_that_is_none() -> Iterator[Case]:
    """Files that a YAML reader refuses, chokes on, or reads otherwise than they look."""
    bomb = ["&a0 [x, x, x, x, x, x, x, x, x]", *(f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]
    block = "".join(f"{' ' * level}k:\n" for level in range(_DEEP))
    for what, text in (
        (f"{_DEEP} lists deep", f"prepare: {{targets: {'[' * _DEEP}{']' * _DEEP}}}\n"),
        ("20,000 brackets that are never closed", f"prepare: {{targets: {'[' * 20_000}\n"),
        (f"{_DEEP} mappings deep", f"prepare:\n{block}"),
        (f"{_DEEP} flow mappings deep", "prepare: " + "{a: " * _DEEP + "1" + "}" * _DEEP),
        ("lists of aliases of lists", f"prepare: {{targets: [{', '.join(bomb)}]}}\n"),
        ("a list that holds itself", "prepare: {targets: &a [*a]}\n"),
        ("a mapping that holds itself", "prepare: &a {targets: *a}\n"),
        ("a section twice", "prepare: {seed: 1}\nprepare: {seed: 2}\n"),
        ("a key twice", "prepare:\n  seed: 1\n  seed: 2\n"),
        ("tabs", "prepare:\n\tseed: 1\n"),
        ("an unknown alias", "prepare: {seed: *nowhere}\n"),
        ("a tag", "prepare: {seed: !!python/object/apply:os.getcwd []}\n"),
        ("two documents", "prepare: {seed: 1}\n---\nprepare: {seed: 2}\n"),
        ("a bracket that is never closed", "prepare: {targets: [Mara Ellisford}\n"),
        ("a key that is a number", "1: {seed: 1}\n"),
        ("a key that is a list", "? [prepare]\n: {seed: 1}\n"),
        ("a key of a section that is a number", "prepare: {1: 2}\n"),
        ("a key of a section that is null", "prepare: {null: 2}\n"),
        ("a date", "prepare: {language: 2020-01-01}\n"),
        ("bytes", "prepare: {language: !!binary aGVsbG8=}\n"),
        ("a set", "prepare: {targets: !!set {a, b}}\n"),
        ("a number of 5,000 digits", f"prepare: {{seed: {'9' * 5000}}}\n"),
        ("a float beyond all floats", "distill: {learning_rate: 1e999}\n"),
        ("a lone surrogate", 'prepare: {language: "\\ud800"}\n'),
        ("control characters", 'prepare: {language: "e\x07n"}\n'),
        ("NUL", "prepare: {seed: 1}\n\0"),
        ("UTF-16", "prepare: {seed: 1}\n".encode("utf-16")),
        ("Latin-1", "prepare: {targets: [José]}\n".encode("latin-1")),
        ("JSON in place of sections", "[1, 2]\n"),
        ("a word", "prepare\n"),
        ("an unknown section", "perpare: {seed: 1}\n"),
        ("1 MB of one word", "x" * 2**20),
    ):
        yield _case("prepare", f"params.yaml is {what}", text, (PARAMS,))
    yield _case("prepare", "params.yaml with \\r\\n and a byte-order mark", b"\xef\xbb\xbfprepare: {seed: 1}\r\n", None)
    yield Case("prepare", "params.yaml is a folder", made_folder(PARAMS), (PARAMS,))
    yield Case("prepare", "params.yaml is missing", removed(PARAMS), (PARAMS,))
    yield Case("prepare", "params.yaml leads nowhere", dangling(PARAMS), (PARAMS,))
    yield _case("prepare", "params.yaml as JSON", json.dumps({"prepare": {"seed": 1}}), None)
