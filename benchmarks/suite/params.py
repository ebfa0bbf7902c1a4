"""``benchmarks/configs/NAME.yaml``: sections of the project's params.yaml, some of a benchmark's own, and the methods' own.

The sections of a method say what it is: ``distill`` (with ``teacher``, or on the project's own shards), ``baseline`` (trained
on the text itself, with ``alternates`` where it prefers another) or ``prompting`` (not trained). The seed of a run is the run's
own, and stands in no section. The section ``grids`` gives, for a method, lists of values to try for its keys:
``npo: {baseline.learning_rate: [1e-5, 2e-5]}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, get_args, get_type_hints

from benchmarks.attacks.attack import AttackParams
from benchmarks.judges.models import JudgeParams
from benchmarks.methods.params import FinetuneParams, MethodParams
from benchmarks.sources.params import SourceParams
from benchmarks.tofu.rows import TofuEvaluateParams
from pipeline.core.errors import InputError
from pipeline.core.outputs import check_model
from pipeline.core.params import Section, parse_section, read_section, read_yaml
from pipeline.core.runtime import RuntimeParams
from pipeline.elicit.params import ElicitParams
from pipeline.evaluate.params import EvaluateParams
from pipeline.teacher.params import TeacherParams

CONFIGS = Path("benchmarks/configs")
RESULTS = Path("benchmarks/results")
NO_METHOD = "base"  # the row of the model that has to forget, as it was
GOLD = "retain_only"  # the row of the model that was trained without what is to be forgotten
Setting = tuple[dict[str, Any], MethodParams]  # a point of a method's grid ({"baseline.learning_rate": 1e-5}), the method there
_WAYS = ("distill", "baseline", "prompting")
_BESIDE = {"teacher": "distill", "alternates": "baseline"}  # sections that stand beside one of the ways


class BenchmarkFolders:
    """The paths of the benchmark that keeps its results in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params = CONFIGS / f"{folder.name}.yaml"
        self.prepared = folder / "prepared"
        self.elicited = folder / "elicited"  # what the base itself said of the targets, where it was asked
        self.held_out = folder / "held_out"  # shards of texts that no method trains on
        self.base = self.model(NO_METHOD, 0)  # the model that has to forget
        self.table = folder / "table.json"
        self.tuning = folder / "tuning.csv"

    def teacher(self, method: str) -> Path:
        """The shards of ``method``."""
        return self.folder / "teacher" / method

    def alternates(self, method: str) -> Path:
        """What the base wrote for ``method`` in place of the forget texts."""
        return self.folder / "alternates" / method

    def run(self, method: str, seed: int) -> Path:
        """The curve, answers and values of ``method`` with ``seed``. The model lies elsewhere."""
        return self.folder / "runs" / f"{method}-{seed}"

    def model(self, method: str, seed: int) -> Path:
        """The model that ``method`` made; the base and the gold standard have one for all seeds."""
        return self.folder / "models" / f"{method}-{0 if method in (NO_METHOD, GOLD) else seed}"


@dataclass(frozen=True)
class BenchmarkParams:
    """One benchmark: its sections (None where it need not have one of that name), its folders and its methods."""

    prepare: SourceParams | None
    elicit: ElicitParams | None
    finetune: FinetuneParams | None
    held_out: TeacherParams
    evaluate: EvaluateParams
    judge: JudgeParams
    attacks: AttackParams
    tofu: TofuEvaluateParams | None
    folders: BenchmarkFolders
    methods: dict[str, MethodParams]
    settings: dict[str, list[Setting]]

    @property
    def runtime(self) -> RuntimeParams:
        """The project's own section."""
        return read_section(RuntimeParams, "runtime")

    def method(self, name: str) -> MethodParams:
        """The method ``name``. Raises InputError when the benchmark has none of that name."""
        if name not in self.methods:
            raise InputError(f"{self.folders.params}: methods has no {name!r}; it has {', '.join(self.methods)}.")
        return self.methods[name]

    def model(self, method: str, seed: int) -> Path:
        """The model folder of ``method``, of the base or of the gold standard. Raises InputError when there is none."""
        if method not in (NO_METHOD, GOLD):
            self.method(method)
        check_model(model := self.folders.model(method, seed))
        return model


def _section_kinds(owner: type) -> dict[str, tuple[type[Section], bool]]:
    """{field: the section it holds, whether it may be None} of the fields of ``owner`` that hold one."""
    kinds = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(owner).items()}
    return {name: (of[0], len(of) > 1) for name, of in kinds.items() if isinstance(of[0], type) and issubclass(of[0], Section)}


METHOD_SECTIONS, SECTIONS = _section_kinds(MethodParams), _section_kinds(BenchmarkParams)


def benchmark_names() -> list[str]:
    """The benchmarks there are, by name."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def load_benchmark(name: str) -> BenchmarkParams:
    """The benchmark ``name``, checked whole. Raises InputError with the file and the key."""
    file = CONFIGS / f"{name}.yaml"
    if name not in benchmark_names():
        raise InputError(f"{file} is missing; the benchmarks are {', '.join(benchmark_names())}.")
    document = read_yaml(file)
    known = [*SECTIONS, "methods", "grids"]
    for section in document:
        if section not in known:
            raise InputError(f"{file}: section {section} is unknown; the sections are {', '.join(known)}.")
    sections: dict[str, Any] = {
        section: None if may_lack and section not in document else parse_section(kind, document.get(section), section, file)
        for section, (kind, may_lack) in SECTIONS.items()
    }
    methods = document.get("methods")
    if not isinstance(methods, Mapping) or not methods:
        raise InputError(f"{file}: methods must be a section with a method a key.")
    return BenchmarkParams(
        **sections,
        folders=BenchmarkFolders(RESULTS / name),
        methods={str(method): _method(str(method), values, file) for method, values in methods.items()},
        settings=_settings(document.get("grids"), methods, file),
    )


def _method(name: str, document: Any, file: Path) -> MethodParams:
    place = f"{file}: methods.{name}"
    if name in (NO_METHOD, GOLD) or not name.replace("_", "").isalnum():
        raise InputError(f"{place} can't be a method's name; take letters, digits and _, but not {NO_METHOD} or {GOLD}.")
    if not isinstance(document, Mapping):
        raise InputError(f"{place} must be a section with keys below it.")
    for section in document:
        if section not in METHOD_SECTIONS:
            raise InputError(f"{place}.{section} is unknown; a method has {', '.join(METHOD_SECTIONS)}.")
    if isinstance(document.get("distill"), Mapping) and "seed" in document["distill"]:
        raise InputError(f"{place}.distill.seed is the run's own; seeds stand in benchmarks/matrix.yaml.")
    strays = [section for section, way in _BESIDE.items() if section in document and way not in document]
    if sum(way in document for way in _WAYS) != 1 or strays:
        beside = " and ".join(f"{section} only beside {way}" for section, way in _BESIDE.items())
        raise InputError(f"{place} must have exactly one of {', '.join(_WAYS)}, {beside}.")
    sections: dict[str, Any] = {
        section: parse_section(METHOD_SECTIONS[section][0], values, f"methods.{name}.{section}", file)
        for section, values in document.items()
    }
    return MethodParams(**sections)


def _settings(grids: Any, methods: Mapping[str, Any], file: Path) -> dict[str, list[Setting]]:
    """Every combination of the values that a grid gives for a method's keys, in the order of the file."""
    settings: dict[str, list[Setting]] = {}
    grids = {} if grids is None else grids
    if not isinstance(grids, Mapping):
        raise InputError(f"{file}: grids must be a section with methods below it.")
    for name, grid in grids.items():
        if name not in methods or not isinstance(grid, Mapping) or not all(isinstance(v, list) and v for v in grid.values()):
            raise InputError(f"{file}: grids.{name} must be one of the methods, with a list of values for each of its keys.")
        settings[name] = []
        for values in product(*grid.values()):
            point = dict(zip(grid, values, strict=True))
            sections = {section: dict(keys or {}) for section, keys in methods[name].items()}
            for key, value in point.items():
                section, _, field = str(key).partition(".")
                if section not in sections or section in _BESIDE:
                    raise InputError(f"{file}: grids.{name} has {key!r}, but a grid is over the keys of {', '.join(_WAYS)}.")
                sections[section][field] = value
            settings[name].append((point, _method(name, sections, file)))
    return settings
