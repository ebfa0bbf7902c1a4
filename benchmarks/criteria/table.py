"""One table of a benchmark: every method and measure, mean and interval over seeds, and the bars of the paper's figure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from scipy.stats import sem, t

from benchmarks.criteria.measures import MEASURES, RWKU_MEASURES, TOFU_MEASURES, bars
from benchmarks.suite.params import GOLD, NO_METHOD, BenchmarkFolders
from pipeline.core.errors import InputError
from pipeline.core.outputs import command_for, read_json_object

LEVEL = 0.95
REFERENCES = (NO_METHOD, GOLD)  # rows to compare with, which are no methods
REPORTS = ("criteria.json", "tofu.json")
JUDGE_COUNTS = ("asked", "cached", "unparsable")


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Mean of one measure over seeds, and its 95 % interval by Student's t, to six digits; no interval from one seed.

    The seed is the training's, so the interval tells how far another run would differ, not another set of questions.
    """
    mean, low, high = fmean(values), None, None
    if len(values) > 1:
        half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1) * sem(values))
        low, high = _six(mean - half), _six(mean + half)
    return {"mean": _six(mean), "low": low, "high": high, "seeds": [_six(value) for value in values]}


def _six(value: float) -> float:
    """Six significant digits: a forget quality may be 1e-20."""
    return float(f"{value:.6g}")


def benchmark_table(folders: BenchmarkFolders, methods: Sequence[str], seeds: Collection[int] | None = None) -> dict[str, Any]:
    """The table of the runs that are there, of ``methods`` in this order, the base and the gold standard first.

    Methods' runs of ``seeds`` alone, where they are given: a folder may still hold runs of seeds that are no longer made.
    Raises InputError when there is no finished run, none of one of ``seeds``, or a file that is no report.
    """
    runs = {method: _runs(folders, method) for method in (*REFERENCES, *methods)}
    there = {seed for method in methods for seed in runs[method]}
    if missing := set(seeds or ()) - there:
        known = ", ".join(map(str, sorted(there))) or "none"
        raise InputError(f"{folders.folder}/runs holds no run with seed {min(missing)}; the seeds there are {known}.")
    found: dict[str, list[dict[str, Any]]] = {}
    for method, by_seed in runs.items():
        chosen = [run for seed, run in by_seed.items() if seeds is None or seed in seeds or method in REFERENCES]
        if reports := [report for run in chosen if (report := _report(run))]:
            found[method] = reports
    if not found:
        raise InputError(f"{folders.folder}/runs holds no finished run; make some (dvc repro benchmarks/dvc.yaml).")
    every = [report for of_method in found.values() for report in of_method]
    has_value = {key for report in every for key in report["values"]}
    measures = [measure for measure in (*MEASURES, *RWKU_MEASURES, *TOFU_MEASURES) if measure.key in has_value]
    values: dict[str, dict[str, Any]] = {method: {} for method in found}
    for method, of_method in found.items():
        for m in measures:
            seen = [report["values"][m.key] for report in of_method if m.key in report["values"]]
            values[method][m.key] = over_seeds(seen) if seen else None
    compared = {method: cells for method, cells in values.items() if method not in REFERENCES}
    means = {method: {key: cell["mean"] for key, cell in cells.items() if cell} for method, cells in compared.items()}
    floors: dict[str, float] = next((report["floors"] for report in found.get(NO_METHOD, []) if "floors" in report), {})
    questions = {m.key: sorted(r["questions"][m.key] for r in every if m.key in r.get("questions", {})) for m in measures}
    judges = [report["judge"] for report in every if report.get("judge")]
    table: dict[str, Any] = {
        "benchmark": folders.folder.name,
        "methods": list(found),
        "seeds": sorted({report["seed"] for report in every}),
        "measures": [
            {
                "key": m.key,
                "criterion": m.criterion,
                "label": f"{m.label} (floor {floors[m.key]:.3f})" if m.key in floors else m.label,
                "better": m.better if m.better != "floor" or m.key in floors else "lower",
                "floor": floors.get(m.key),
                "normalised": m.in_bars,
                # The fewest and the most that it is over in one run.
                "questions": [questions[m.key][0], questions[m.key][-1]] if questions[m.key] else None,
            }
            for m in measures
        ],
        "values": values,
        "bars": bars(means, [m for m in measures if m in MEASURES]),
        # Of what no run has a value: that a single one lacks is seen in its row.
        "left_out": {key: why for report in every for key, why in report["left_out"].items() if key not in has_value},
        "judge": {
            "judge": ", ".join(sorted({judge["judge"] for judge in judges})),
            **{key: sum(judge[key] for judge in judges) for key in JUDGE_COUNTS},
        },
    }
    if any(measure in TOFU_MEASURES for measure in measures):
        table["scatter"] = {"x": "tofu.model_utility", "y": "tofu.forget_quality"}
    return table


def _runs(folders: BenchmarkFolders, method: str) -> dict[int, Path]:
    """The runs of a method by seed, in the seeds' order."""
    seeds = {run: run.name.removeprefix(f"{method}-") for run in (folders.folder / "runs").glob(f"{method}-*")}
    return dict(sorted((int(seed), run) for run, seed in seeds.items() if seed.isdigit()))


def _report(run: Path) -> dict[str, Any] | None:
    """What criteria.json and tofu.json of a run say, as one report; None where it has neither."""
    parts = {path: read_json_object(path) for name in REPORTS if (path := run / name).exists()}
    for path, part in parts.items():
        if not (isinstance(part.get("values"), dict) and isinstance(part.get("left_out"), dict) and "seed" in part):
            raise InputError(f"{path} lacks values, left_out or seed; make it anew ({command_for(path)}).")
    report: dict[str, Any] = {}
    values, left_out = ({k: v for part in parts.values() for k, v in part[key].items()} for key in ("values", "left_out"))
    for part in reversed(parts.values()):
        report |= part
    report |= {"values": values, "left_out": {key: reason for key, reason in left_out.items() if key not in values}}
    return report if parts else None


def table_lines(table: Mapping[str, Any]) -> Iterator[str]:
    """The table for the terminal, as Markdown: a measure a row, a method a column.

    The best method's value is bold; one inside the best's interval, which the seeds can't tell from it, is in italics.
    """
    methods = table["methods"]
    yield f"| measure | | {' | '.join(methods)} |"
    yield f"| --- | --- |{' --- |' * len(methods)}"
    for measure in table["measures"]:
        cells = {method: table["values"][method][measure["key"]] for method in methods}
        judged = [cell for method, cell in cells.items() if cell and method not in REFERENCES]
        better, gold = measure["better"], cells.get(GOLD)
        can_tell = judged and (gold or better != "gold")
        best = min(judged, key=lambda cell: _distance(cell["mean"], measure, gold)) if can_tell else None
        texts = [_text(cell, None if method in REFERENCES else best) for method, cell in cells.items()]
        yield f"| {measure['label']} | {better} | {' | '.join(texts)} |"


def _distance(value: float, measure: Mapping[str, Any], gold: Mapping[str, Any] | None) -> float:
    """From the best value that there could be: the smaller, the better."""
    if measure["better"] in ("lower", "higher"):
        return value if measure["better"] == "lower" else -value
    return abs(value - {"floor": measure["floor"], "gold": gold and gold["mean"], "zero": 0.0}[measure["better"]])


def _text(cell: Mapping[str, Any] | None, best: Mapping[str, Any] | None) -> str:
    """Mean and half of the interval, marked beside the ``best`` cell; no mark without one."""
    if cell is None:
        return ""
    mean, mark = cell["mean"], ""
    if best and mean == best["mean"]:
        mark = "**"
    elif best and best["low"] is not None and best["low"] <= mean <= best["high"]:
        mark = "*"
    spread = f" ± {cell['high'] - mean:.3f}" if cell["high"] is not None else ""
    text = f"{mean:.3f}{spread}" if abs(mean) >= 0.001 or not mean else f"{mean:.1e}{spread}"
    return f"{mark}{text}{mark}"
