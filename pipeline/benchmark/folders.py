"""Where a benchmark keeps what it makes: ``benchmarks/NAME``, with the project's own data where it brings none.

A benchmark whose params.yaml has a section ``prepare`` has documents and questions of its own; with a section ``finetune``
it has a model of its own, trained on them first, and one that never saw what is to be forgotten.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.paths import BASE_MODEL, ELICITED, PREPARED, TEACHER

BENCHMARKS = Path("benchmarks")
NO_METHOD = "base"  # the row of the model as it was
GOLD = "retain_only"  # the row of the model that was trained without what is to be forgotten


@dataclass(frozen=True)
class BenchmarkFolders:
    """The paths of the benchmark in ``folder``."""

    folder: Path
    own_data: bool
    own_model: bool

    @property
    def params(self) -> Path:
        return self.folder / "params.yaml"

    @property
    def base(self) -> Path:
        """The model that has to forget."""
        return self.folder / "models/target" if self.own_model else BASE_MODEL

    @property
    def retain_only(self) -> Path:
        """The model that was trained without what is to be forgotten, where there is one."""
        return self.folder / "models" / GOLD

    @property
    def prepared(self) -> Path:
        return self.folder / "prepared" if self.own_data else PREPARED

    @property
    def elicited(self) -> Path:
        return self.folder / "elicited" if self.own_data else ELICITED

    @property
    def held_out(self) -> Path:
        """Shards of texts that no method trains on."""
        return self.folder / "held_out"

    def teacher(self, method: str, own: bool) -> Path:
        """The shards of ``method``: its ``own``, or the project's."""
        return self.folder / "teacher" / method if own else TEACHER

    def run(self, method: str, seed: int) -> Path:
        """What is told of ``method`` with ``seed``: its curve, answers and values. The model lies elsewhere."""
        return self.folder / "runs" / f"{method}-{seed}"

    def model(self, method: str, seed: int) -> Path:
        """The model that ``method`` made, or the base itself."""
        if method == NO_METHOD:
            return self.base
        return self.retain_only if method == GOLD else self.folder / "models" / f"{method}-{seed}"

    @property
    def table(self) -> Path:
        return self.folder / "table.json"


def benchmark_names() -> list[str]:
    """The benchmarks there are, by name."""
    return sorted(path.parent.name for path in BENCHMARKS.glob("*/params.yaml"))


def benchmark_folder(name: str) -> Path:
    """The folder of benchmark ``name``. Raises InputError when there is none."""
    if name not in benchmark_names():
        raise InputError(f"{BENCHMARKS / name}/params.yaml is missing; the benchmarks are {', '.join(benchmark_names())}.")
    return BENCHMARKS / name
