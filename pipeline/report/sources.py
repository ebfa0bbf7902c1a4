"""What the report may find, and which command makes it: every input is optional, and one line stands for a missing one."""

from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.outputs import command_for, read_json_object

BENCHMARKS = {"project": "Project", "tofu": "TOFU", "wpu": "WPU"}
BASE = "base"  # the row of the model as it was
OURS = "teacher_student"  # the method that charts set off from the others
RESULTS = Path("benchmarks/results")
_TABLE_PARTS = ("methods", "seeds", "measures", "values", "bars", "left_out", "judge")


def shown(name: str) -> str:
    """The name of a method, a split or a key as it is read."""
    return name.replace("_", " ")


def title_of(benchmark: str) -> str:
    """What a benchmark is called on the page."""
    return BENCHMARKS.get(benchmark, shown(benchmark))


def benchmark_command(name: str) -> str:
    """The command that makes all of a benchmark, or its table alone where it is the user's own."""
    return f"nevermet benchmark {name}" if name in BENCHMARKS else f"python -m benchmarks.stages.table {name}"


def benchmark_tables(root: Path) -> dict[str, dict[str, Any]]:
    """{benchmark: its table of methods, or what is left out}: the project's, then those of the user that have a table.

    Raises InputError for a table that lacks a part.
    """
    tables = {}
    for name in dict.fromkeys([*BENCHMARKS, *(path.parent.name for path in sorted((root / RESULTS).glob("*/table.json")))]):
        path, command = RESULTS / name / "table.json", benchmark_command(name)
        tables[name] = read_json_object(root / path, command) if (root / path).exists() else left_out(path, command)
        lacking = [part for part in _TABLE_PARTS if part not in tables[name]]
        if lacking and "missing" not in tables[name]:
            raise InputError(f"{root / path} lacks {lacking[0]!r}; make it anew with {command}.")
    return tables


def left_out(path: Path, command: str = "") -> dict[str, str]:
    """What stands in a section's place when ``path`` is missing."""
    return {"missing": f"Left out: {path} is missing; {command or command_for(path)} makes it."}
