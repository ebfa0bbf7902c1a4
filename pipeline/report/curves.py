"""Numbers over steps and over a parameter: training curves, and the sweep that DVC's experiments are gathered into."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.core.errors import InputError, first_line
from pipeline.core.outputs import CURVE_FILE, EVALUATION
from pipeline.report.sources import RESULTS, benchmark_command, left_out, title_of

_METRICS = (
    "forgotten", "above_floor", "kept_hard_retain", "kept_general_retain", "names_stand_in", "self_consistency",
    "floor_consistency",
)  # fmt: skip
_SWEEP_FILE = EVALUATION / "names_sweep.csv"  # the user's own; the one in docs/ is the project's
_POINTS = 200  # of a curve that is drawn; more can't be told apart at its width
_LOSSES = r"^(step|.*(_kl|_nll|loss))$"  # columns of a curve that are drawn: no rate, no counter


def finished_experiments(prefix: str) -> list[dict[str, Any]]:
    """DVC's experiments on this commit that have metrics and a name with ``prefix``. Raises InputError outside a project."""
    import dvc.api
    from dvc.exceptions import DvcException

    try:
        rows = dvc.api.exp_show()
    except DvcException as error:
        raise InputError(f"DVC can't list the experiments ({error}); run this in a project that git and DVC track.") from None
    named = [row for row in rows if row.get("Experiment")]  # without a name it is the workspace, or a commit
    return [row for row in named if str(row["Experiment"]).startswith(prefix) and _is_number(row.get("forgotten"))]


def sweep_rows(experiments: Sequence[Mapping[str, Any]], parameter: str) -> list[dict[str, float]]:
    """One row an experiment: the value of ``parameter`` (a key of params.yaml such as teacher.names), then its metrics.

    Raises InputError when no experiment has a number there.
    """
    rows = []
    for experiment in experiments:
        value = experiment.get(parameter, experiment.get(f"params.yaml:{parameter}"))
        if _is_number(value):
            metrics = {metric: experiment[metric] for metric in _METRICS if _is_number(experiment.get(metric))}
            rows.append({parameter.rpartition(".")[2]: float(value), **metrics})
    if not rows:
        raise InputError(
            f"no finished experiment has a number for {parameter}; queue some (dvc exp run --queue -S {parameter}=...), run "
            "them (dvc queue start -j 1), and call this again on the same commit."
        )
    return sorted(rows, key=lambda row: next(iter(row.values())))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not math.isnan(value)


def sweep(root: Path) -> dict[str, Any]:
    """{"rows": one for each number of names}, or what is left out."""
    if not (root / _SWEEP_FILE).exists():
        return left_out(_SWEEP_FILE, "nevermet sweep teacher.names --prefix names-")
    return {"rows": _numbers(root / _SWEEP_FILE, "names").to_dicts()}


def curves(root: Path, benchmarks: Iterable[str]) -> list[dict[str, Any]]:
    """The run's curve, then each benchmark's: {"source", "title", "runs": [{"method", "seed", "window", "rows"}]}.

    A row has "step" and the losses of the file; ``window`` steps are averaged to one row. Or what is left out.
    """
    path = root / CURVE_FILE
    run = {"runs": [_curve("student-0", path)]} if path.exists() else left_out(CURVE_FILE, "dvc repro distill")
    found: list[dict[str, Any]] = [{"source": "run", "title": "This run", **run}]
    for name in benchmarks:
        files = sorted((root / RESULTS / name / "runs").glob("*-*/curve.csv"))
        runs = [run for file in files if (run := _curve(file.parent.name, file))["rows"]]
        missing = left_out(RESULTS / name / "runs/METHOD-SEED/curve.csv", benchmark_command(name))
        found.append({"source": name, "title": title_of(name), **({"runs": runs} if runs else missing)})
    return found


def _curve(run: str, path: Path) -> dict[str, Any]:
    method, _, seed = run.rpartition("-")
    window, rows = thinned(_numbers(path, "step").select(pl.col(_LOSSES)))
    return {"method": method, "seed": int(seed) if seed.isdecimal() else 0, "window": window, "rows": rows.to_dicts()}


def thinned(rows: pl.DataFrame, points: int = _POINTS) -> tuple[int, pl.DataFrame]:
    """The window, and the means of each column over as many rows each, so that at most ``points`` are left.

    A mean is at its window's last step, and null where no row of the window has the column.
    """
    window = max(1, -(-rows.height // points))
    windows = rows.group_by(pl.int_range(pl.len()).alias("window") // window, maintain_order=True)
    return window, windows.agg(pl.exclude("step").mean(), pl.col("step").last()).select(rows.columns)


def _numbers(path: Path, key: str) -> pl.DataFrame:
    """A CSV file of numbers, an empty field as null. Raises InputError when ``key`` is no column or a field no number."""
    try:
        texts = pl.read_csv(path, infer_schema=False, raise_if_empty=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path} can't be read as CSV ({first_line(error)}); make it anew.") from None
    if not texts.columns:
        return pl.DataFrame(schema={key: pl.Float64})
    if key not in texts.columns:
        raise InputError(f"{path} lacks the column {key!r}; make it anew.")
    numbers = pl.all().cast(pl.Float64, strict=False)
    wrong = texts.select(pl.any_horizontal(pl.all().is_not_null() & numbers.is_null())).to_series().arg_true()
    if len(wrong):
        raise InputError(f"{path}, line {wrong[0] + 2}, holds a field that is no number; make it anew.")
    return texts.select(numbers)
