"""``benchmarks/NAME/params.yaml`` as dataclasses: the sections of the project's params.yaml, and the methods with theirs.

A method is told by the sections it has: ``distill`` (with ``teacher``, or on the project's own shards), ``baseline`` (trained
on the text itself) or ``prompting`` (not trained). The seed of a run is the run's own, and stands in no section. The section
``grids`` gives, for a method, lists of values to try for its keys: ``npo: {baseline.learning_rate: [1e-5, 2e-5]}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pipeline.attacks.params import AttackParams
from pipeline.baselines.params import BaselineParams
from pipeline.benchmark.folders import GOLD, NO_METHOD, BenchmarkFolders, benchmark_folder
from pipeline.errors import InputError
from pipeline.finetune.params import FinetuneParams
from pipeline.judges.params import JudgeParams
from pipeline.params import (
    UNLEARNING_PROMPT,
    DistillParams,
    EvaluateParams,
    PrepareParams,
    TeacherParams,
    parse_section,
    read_yaml,
)
from pipeline.tofu.params import TofuEvaluateParams


@dataclass(frozen=True)
class PromptingParams:
    """A method that trains nothing: what the model is told before every chat."""

    system_prompt: str = UNLEARNING_PROMPT


METHOD_SECTIONS: dict[str, type] = {
    "teacher": TeacherParams,
    "distill": DistillParams,
    "baseline": BaselineParams,
    "prompting": PromptingParams,
}
SECTIONS: dict[str, type] = {
    "prepare": PrepareParams,
    "finetune": FinetuneParams,
    "held_out": TeacherParams,
    "evaluate": EvaluateParams,
    "judge": JudgeParams,
    "attacks": AttackParams,
    "tofu": TofuEvaluateParams,
}
_WAYS = ("distill", "baseline", "prompting")


@dataclass(frozen=True)
class MethodParams:
    """The sections of one method; a section that it does not have is None."""

    teacher: TeacherParams | None = None
    distill: DistillParams | None = None
    baseline: BaselineParams | None = None
    prompting: PromptingParams | None = None


@dataclass(frozen=True)
class Setting:
    """One point of a method's grid."""

    values: dict[str, Any]  # {"baseline.learning_rate": 1e-5}
    params: MethodParams


@dataclass(frozen=True)
class BenchmarkParams:
    """One benchmark: its folders, its sections (None where it has none of that name) and its methods."""

    folders: BenchmarkFolders
    prepare: PrepareParams | None
    finetune: FinetuneParams | None
    held_out: TeacherParams
    evaluate: EvaluateParams
    judge: JudgeParams
    attacks: AttackParams
    tofu: TofuEvaluateParams | None
    methods: dict[str, MethodParams]
    settings: dict[str, list[Setting]]

    def method(self, name: str) -> MethodParams:
        """The method ``name``. Raises InputError when the benchmark has none of that name."""
        if name not in self.methods:
            raise InputError(f"{self.folders.params}: methods has no {name!r}; it has {', '.join(self.methods)}.")
        return self.methods[name]


def model_of(benchmark: BenchmarkParams, method: str, seed: int) -> Path:
    """The model folder of ``method``, of the base or of the gold standard. Raises InputError when there is none."""
    if method not in (NO_METHOD, GOLD):
        benchmark.method(method)
    model = benchmark.folders.model(method, seed)
    if not (model / "config.json").exists():
        raise InputError(f"{model} holds no model; make it first (dvc repro benchmarks/dvc.yaml).")
    return model


def load_benchmark(name: str) -> BenchmarkParams:
    """The benchmark ``name``, checked whole. Raises InputError with the file and the key."""
    folder = benchmark_folder(name)
    file = folder / "params.yaml"
    document = read_yaml(file)
    known = [*SECTIONS, "methods", "grids"]
    for section in document:
        if section not in known:
            raise InputError(f"{file}: section {section} is unknown; the sections are {', '.join(known)}.")
    optional = ("prepare", "finetune", "tofu")
    sections: dict[str, Any] = {
        section: parse_section(kind, document.get(section), section, file)
        if section in document or section not in optional
        else None
        for section, kind in SECTIONS.items()
    }
    folders = BenchmarkFolders(folder, own_data="prepare" in document, own_model="finetune" in document)
    methods = _methods(document.get("methods"), file)
    settings = _settings(document.get("grids"), document["methods"], file)
    return BenchmarkParams(folders=folders, methods=methods, settings=settings, **sections)


def _methods(document: Any, file: Path) -> dict[str, MethodParams]:
    if not isinstance(document, Mapping) or not document:
        raise InputError(f"{file}: methods must be a section with a method a key.")
    return {str(name): _method(str(name), sections, file) for name, sections in document.items()}


def _method(name: str, document: Any, file: Path) -> MethodParams:
    if name in (NO_METHOD, GOLD) or not name.replace("_", "").isalnum():
        raise InputError(
            f"{file}: methods.{name} can't be a method's name; take letters, digits and _, but not {NO_METHOD} or {GOLD}."
        )
    if not isinstance(document, Mapping):
        raise InputError(f"{file}: methods.{name} must be a section with keys below it.")
    for section in document:
        if section not in METHOD_SECTIONS:
            raise InputError(f"{file}: methods.{name}.{section} is unknown; a method has {', '.join(METHOD_SECTIONS)}.")
    if isinstance(document.get("distill"), Mapping) and "seed" in document["distill"]:
        raise InputError(f"{file}: methods.{name}.distill.seed is the run's own; seeds stand in benchmarks/dvc.yaml.")
    if sum(way in document for way in _WAYS) != 1 or ("teacher" in document and "distill" not in document):
        raise InputError(
            f"{file}: methods.{name} must have exactly one of {', '.join(_WAYS)}, and teacher only beside distill."
        )
    return MethodParams(
        **{
            section: parse_section(METHOD_SECTIONS[section], values, f"methods.{name}.{section}", file)
            for section, values in document.items()
        }
    )


def _settings(grids: Any, methods: Mapping[str, Any], file: Path) -> dict[str, list[Setting]]:
    """Every combination of the values that a grid gives for a method's keys, in the order of the file."""
    settings: dict[str, list[Setting]] = {}
    if grids is not None and not isinstance(grids, Mapping):
        raise InputError(f"{file}: grids must be a section with methods below it.")
    for name, grid in ({} if grids is None else grids).items():
        if name not in methods or not isinstance(grid, Mapping) or not all(isinstance(v, list) and v for v in grid.values()):
            raise InputError(f"{file}: grids.{name} must be one of the methods, with a list of values for each of its keys.")
        settings[name] = []
        for values in product(*grid.values()):
            point = dict(zip(grid, values, strict=True))
            sections = {section: dict(keys or {}) for section, keys in methods[name].items()}
            for key, value in point.items():
                section, _, field = str(key).partition(".")
                if section not in sections or section == "teacher":
                    raise InputError(f"{file}: grids.{name} has {key!r}, but a grid is over the keys of {', '.join(_WAYS)}.")
                sections[section][field] = value
            settings[name].append(Setting(point, _method(name, sections, file)))
    return settings
