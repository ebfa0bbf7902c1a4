"""Experiments over one parameter as one table: what DVC's queue has run, a row a value, for a plot."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.publish import write_text

METRICS = (
    "forgotten",
    "above_floor",
    "kept_hard_retain",
    "kept_general_retain",
    "names_stand_in",
    "self_consistency",
    "floor_consistency",
)


def finished_experiments(prefix: str) -> list[dict[str, Any]]:
    """DVC's experiments whose name begins with ``prefix``, on the current commit, that have metrics."""
    import dvc.api

    rows = dvc.api.exp_show()
    named = [row for row in rows if row.get("Experiment")]  # without a name it is the workspace, or a commit
    return [row for row in named if str(row["Experiment"]).startswith(prefix) and _number(row.get("forgotten"))]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


def sweep_rows(experiments: Sequence[Mapping[str, Any]], parameter: str) -> list[dict[str, float]]:
    """One row an experiment, by the value of ``parameter`` (a key of params.yaml such as teacher.names), then METRICS.

    Raises InputError when no experiment has a number there.
    """
    rows = []
    for experiment in experiments:
        value = experiment.get(parameter, experiment.get(f"params.yaml:{parameter}"))
        if _number(value):
            metrics = {metric: experiment[metric] for metric in METRICS if _number(experiment.get(metric))}
            rows.append({parameter.rpartition(".")[2]: float(value), **metrics})
    if not rows:
        raise InputError(
            f"no finished experiment has a number for {parameter}; queue some (dvc exp run --queue -S {parameter}=...), run "
            "them (dvc queue start -j 1), and call this again on the same commit."
        )
    return sorted(rows, key=lambda row: next(iter(row.values())))


def write_sweep(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write ``rows`` as CSV with one header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:g}" for key, value in row.items()} for row in rows)
    write_text(path, text.getvalue())
