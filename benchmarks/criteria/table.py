"""One table of a benchmark: every method and measure, mean and interval over seeds, and the bars of the paper's figure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.criteria.measures import MEASURES, TOFU_MEASURES, bars
from benchmarks.suite.params import GOLD, NO_METHOD, BenchmarkFolders
from pipeline.core.errors import InputError
from pipeline.core.outputs import command_for, read_json_object

LEVEL = 0.95
REFERENCES = (NO_METHOD, GOLD)  # rows to compare with, which are no methods
REPORTS = ("criteria.json", "tofu.json")


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Mean of one measure over seeds, and its 95 % interval by Student's t; no interval from one seed.

    The seed is the training's, so the interval tells how far another run would differ, not another set of questions.
    """
    from scipy.stats import sem, t

    mean = fmean(values)
    cell: dict[str, Any] = {"mean": _six(mean), "low": None, "high": None, "seeds": [_six(value) for value in values]}
    if len(values) > 1:
        half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1) * sem(values))
        cell |= {"low": _six(mean - half), "high": _six(mean + half)}
    return cell


def _six(value: float) -> float:
    """Six significant digits: a forget quality may be 1e-20."""
    return float(f"{value:.6g}")


def benchmark_table(folders: BenchmarkFolders, methods: Sequence[str], seeds: Collection[int] | None = None) -> dict[str, Any]:
    """The table of the runs that are there, of ``methods`` in this order, the base and the gold standard first.

    Methods' runs of ``seeds`` alone, where they are given: a folder may still hold runs of seeds that are no longer made.

    Raises InputError when there is no finished run, or none of one of ``seeds``.
    """
    there = {seed for method in methods for seed in _runs(folders, method)}
    if missing := set(seeds or ()) - there:
        known = ", ".join(map(str, sorted(there))) or "none"
        raise InputError(f"{folders.folder}/runs holds no run with seed {min(missing)}; the seeds there are {known}.")
    reports = {reference: _reports(folders, reference, None) for reference in REFERENCES}
    reports |= {method: _reports(folders, method, seeds) for method in methods}
    found = {method: of_method for method, of_method in reports.items() if of_method}
    if not found:
        raise InputError(f"{folders.folder}/runs holds no finished run; make some (dvc repro benchmarks/dvc.yaml).")
    every = [report for of_method in found.values() for report in of_method]
    has_value = {key for report in every for key in report["values"]}
    measures = [measure for measure in (*MEASURES, *TOFU_MEASURES) if measure.key in has_value]
    values = {method: {m.key: _cell(of_method, m.key) for m in measures} for method, of_method in found.items()}
    means = {
        method: {key: cell["mean"] for key, cell in cells.items() if cell}
        for method, cells in values.items()
        if method not in REFERENCES
    }
    floors: dict[str, float] = next((report["floors"] for report in found.get(NO_METHOD, []) if "floors" in report), {})
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
                "questions": _span(report["questions"][m.key] for report in every if m.key in report.get("questions", {})),
            }
            for m in measures
        ],
        "values": values,
        "bars": bars(means, [m for m in measures if m in MEASURES]),
        # Of what no run has a value: that a single one lacks is seen in its row.
        "left_out": {key: why for report in every for key, why in report["left_out"].items() if key not in has_value},
        "judge": _judge_counts(every),
    }
    if any(measure in TOFU_MEASURES for measure in measures):
        table["scatter"] = {"x": "tofu.model_utility", "y": "tofu.forget_quality"}
    return table


def _span(counts: Iterable[int]) -> list[int] | None:
    """The fewest and the most questions that a measure is over in one run; None where no run tells."""
    found = sorted(counts)
    return [found[0], found[-1]] if found else None


def _runs(folders: BenchmarkFolders, method: str) -> dict[int, Path]:
    """The runs of a method by seed, in the seeds' order."""
    runs = [run for run in (folders.folder / "runs").glob(f"{method}-*") if run.name[len(method) + 1 :].isdigit()]
    return dict(sorted((int(run.name[len(method) + 1 :]), run) for run in runs))


def _reports(folders: BenchmarkFolders, method: str, seeds: Collection[int] | None) -> list[dict[str, Any]]:
    """The reports of a method's finished runs, of ``seeds`` alone where they are given."""
    chosen = [run for seed, run in _runs(folders, method).items() if seeds is None or seed in seeds]
    return [report for run in chosen if (report := read_report(run))]


def read_report(run: Path) -> dict[str, Any] | None:
    """What criteria.json and tofu.json of a run say, as one report; None where it has neither.

    Raises InputError for a file that is no report.
    """
    files = [path for name in REPORTS if (path := run / name).exists()]
    parts = [read_json_object(path) for path in files]
    if not parts:
        return None
    for path, part in zip(files, parts, strict=True):
        if not (isinstance(part.get("values"), dict) and isinstance(part.get("left_out"), dict) and "seed" in part):
            raise InputError(f"{path} lacks values, left_out or seed; make it anew ({command_for(path)}).")
    values = {key: value for part in parts for key, value in part["values"].items()}
    left_out = {key: reason for part in parts for key, reason in part["left_out"].items() if key not in values}
    return {**parts[-1], **parts[0], "values": values, "left_out": left_out}


def _cell(reports: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any] | None:
    values = [report["values"][key] for report in reports if key in report["values"]]
    return over_seeds(values) if values else None


def _judge_counts(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    judges = [report["judge"] for report in reports if report.get("judge")]
    counts = {key: sum(judge[key] for judge in judges) for key in ("asked", "cached", "unparsable")}
    return {"judge": ", ".join(sorted({judge["judge"] for judge in judges})), **counts}


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
        aim = measure["floor"] if better == "floor" else gold["mean"] if gold else 0.0
        can_tell = judged and (gold or better != "gold")
        best = min(judged, key=lambda cell: _distance(cell["mean"], better, aim)) if can_tell else None
        marks = {method: _mark(cell, best) for method, cell in cells.items() if cell and method not in REFERENCES}
        texts = [_text(cell, marks.get(method, "")) for method, cell in cells.items()]
        yield f"| {measure['label']} | {better} | {' | '.join(texts)} |"


def _distance(value: float, better: str, aim: float) -> float:
    """The smaller, the better; ``aim`` is the gold standard's value or the floor."""
    return {"lower": value, "higher": -value, "zero": abs(value)}.get(better, abs(value - aim))


def _mark(cell: Mapping[str, Any], best: Mapping[str, Any] | None) -> str:
    if best is None:
        return ""
    if cell["mean"] == best["mean"]:
        return "**"
    return "*" if best["low"] is not None and best["low"] <= cell["mean"] <= best["high"] else ""


def _text(cell: Mapping[str, Any] | None, mark: str) -> str:
    if cell is None:
        return ""
    spread = f" ± {cell['high'] - cell['mean']:.3f}" if cell["high"] is not None else ""
    text = f"{cell['mean']:.3f}{spread}" if abs(cell["mean"]) >= 0.001 or not cell["mean"] else f"{cell['mean']:.1e}{spread}"
    return f"{mark}{text}{mark}"
