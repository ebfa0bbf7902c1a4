"""What the report may find, and which command makes it: every input is optional, and a missing one is told in one line."""

import math
from pathlib import Path
from typing import Any

BENCHMARKS = {"project": "Project", "tofu": "TOFU", "wpu": "WPU"}
BASE = "base"  # the row of the model as it was
OURS = "teacher_student"  # the method that charts set off from the others

EVALUATE = "dvc repro evaluate"
DISTILL = "dvc repro distill"
TEACH = "dvc repro teacher"
FETCH_BASE = "dvc repro base"
SWEEP = "python -m stages.sweep teacher.names --prefix names-"


def benchmark_names(root: Path) -> list[str]:
    """The project's benchmarks, then those of the user that have a table, by their folders' names."""
    tables = sorted((root / "benchmarks").glob("*/table.json"))
    return list(dict.fromkeys([*BENCHMARKS, *(path.parent.name for path in tables)]))


def title_of(benchmark: str) -> str:
    """What a benchmark is called on the page."""
    return BENCHMARKS.get(benchmark, benchmark.replace("_", " "))


def benchmark_command(name: str) -> str:
    """The command that makes all of a benchmark, or its table alone where it is the user's own."""
    return f"dvc repro benchmarks/dvc.yaml:{name}-table" if name in BENCHMARKS else f"python -m stages.benchmark_table {name}"


def left_out(path: str, command: str) -> dict[str, str]:
    """What stands in a section's place when ``path`` is missing."""
    return {"missing": f"Left out: {path} is missing; {command} makes it."}


def plain(value: Any) -> Any:
    """``value`` fit for JSON: six significant digits, and null for what is no finite number."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
