"""A benchmark's table of methods, as ``benchmarks/NAME/table.json`` has it."""

from pathlib import Path
from typing import Any, TypeGuard

from pipeline.errors import InputError
from pipeline.made import read_json_object
from pipeline.report.sources import benchmark_command, benchmark_names, left_out

_REQUIRED = ("methods", "seeds", "measures", "values")


def benchmark_tables(root: Path) -> dict[str, dict[str, Any]]:
    """{benchmark: its table, or what is left out}. Raises InputError for a table that lacks a part."""
    return {name: _table(root / "benchmarks" / name / "table.json", name) for name in benchmark_names(root)}


def _table(path: Path, name: str) -> dict[str, Any]:
    command = benchmark_command(name)
    if not path.exists():
        return left_out(f"benchmarks/{name}/table.json", command)
    table = read_json_object(path, command)
    for key in _REQUIRED:
        if key not in table:
            raise InputError(f"{path} lacks {key!r}; make it anew with {command}.")
    return table


def has_value(cell: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Whether a method has a mean of a measure."""
    return cell is not None and cell.get("mean") is not None
