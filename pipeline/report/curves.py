"""Training curves and the sweep over N, from the CSV files that the stages write."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.errors import InputError
from pipeline.paths import CURVE_FILE
from pipeline.report.sources import DISTILL, SWEEP, benchmark_command, benchmark_names, left_out, title_of

_POINTS = 200  # of a curve that is drawn; more can't be told apart at its width
Row = dict[str, float | None]


def sweep(root: Path) -> dict[str, Any]:
    """{"rows": one for each number of names}, or what is left out."""
    path = root / "docs" / "names_sweep.csv"
    if not path.exists():
        return left_out("docs/names_sweep.csv", SWEEP)
    return {"rows": _read(path, "names")}


def curves(root: Path) -> list[dict[str, Any]]:
    """The run's curve, then each benchmark's: {"source", "title", "runs": [{"method", "seed", "window", "rows"}]}.

    A row has "step" and the losses of the file; ``window`` steps are averaged to one row. Or what is left out.
    """
    path = root / CURVE_FILE
    run = {"runs": [_curve("student", 0, path)]} if path.exists() else left_out(str(CURVE_FILE), DISTILL)
    found: list[dict[str, Any]] = [{"source": "run", "title": "This run", **run}]
    for name in benchmark_names(root):
        runs = []
        for file in sorted((root / "benchmarks" / name / "runs").glob("*-*/curve.csv")):
            method, _, seed = file.parent.name.rpartition("-")
            runs.append(_curve(method, int(seed) if seed.isdecimal() else 0, file))
        trained = [run for run in runs if run["rows"]]
        missing = left_out(f"benchmarks/{name}/runs/METHOD-SEED/curve.csv", benchmark_command(name))
        found.append({"source": name, "title": title_of(name), **({"runs": trained} if trained else missing)})
    return found


def is_loss(column: str) -> bool:
    """Whether a column of a curve is drawn: a loss, not a rate or a counter."""
    return column.endswith(("_kl", "_nll", "loss"))


def thinned(rows: Sequence[Row], points: int = _POINTS) -> tuple[int, list[Row]]:
    """The window, and the means of each column over as many rows each, so that at most ``points`` are left.

    A mean is at its window's last step, and null where no row of the window has the column.
    """
    window = max(1, -(-len(rows) // points))
    kept = []
    for start in range(0, len(rows), window):
        part = rows[start : start + window]
        values: dict[str, list[float]] = defaultdict(list)
        for row in part:
            for key, value in row.items():
                if value is not None:
                    values[key].append(value)
        means: Row = {key: fmean(values[key]) if key in values else None for key in part[0]}
        kept.append(means | {"step": part[-1]["step"]})
    return window, kept


def _curve(method: str, seed: int, path: Path) -> dict[str, Any]:
    rows = [{key: value for key, value in row.items() if key == "step" or is_loss(key)} for row in _read(path, "step")]
    window, kept = thinned(rows)
    return {"method": method, "seed": seed, "window": window, "rows": kept}


def _read(path: Path, key: str) -> list[Row]:
    """Rows of numbers, an empty field as None. Raises InputError when ``key`` is no column or a field no number."""
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if reader.fieldnames and key not in reader.fieldnames:
            raise InputError(f"{path} lacks the column {key!r}; make it anew.")
        try:
            return [{name: float(text) if text else None for name, text in row.items()} for row in reader]
        except (TypeError, ValueError):
            raise InputError(f"{path}, line {reader.line_num}, holds a field that is no number; make it anew.") from None
