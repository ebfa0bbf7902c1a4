"""One table of a benchmark: every method and measure, means with intervals and verdicts, and the bars of the paper's figure.

An interval is over people, their questions and seeds where a method's answers are there and the measure is a mean over
questions, and the verdicts (the best, not told apart from it, worse) rest on these. Elsewhere it is over seeds, and no verdict
is given.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from scipy.stats import sem, t

from benchmarks.criteria.comparison import Resampled, Rows, resampled
from benchmarks.criteria.measures import (
    BESIDE_BASE,
    OF_ANSWERS,
    RATIO_FLOORS,
    RATIOS,
    TOFU_MEASURES,
    bars,
    beside_base,
    counts_of,
    ratios_of,
    values_of,
)
from benchmarks.suite.params import GOLD, NO_METHOD, BenchmarkFolders
from pipeline.core.errors import InputError
from pipeline.core.outputs import check_columns, command_for, read_json_object, read_parquet
from pipeline.evaluate.statistics import LEVEL, estimate

REFERENCES = (NO_METHOD, GOLD)  # rows to compare with, which are no methods
REPORTS = ("criteria.json", "tofu.json")
ANSWERS = "answers.parquet"
LEGEND = (
    "[low, high]: 95 % bootstrap interval over people, their questions and seeds; ±: over seeds alone. "
    "Bold: the best value, where there is a floor the nearest to it from either side. "
    "Italics: not told apart from the best on the same questions (5 %, Holm's correction for all methods of the row). "
    "No mark beside a bold value: worse than it. A row without any mark claims nothing."
)
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
    Raises InputError when there is no finished run, none of one of ``seeds``, a file that is no report, or runs that were asked
    different questions.
    """
    found, answers = _finished(folders, methods, seeds)
    every = [report for of_method in found.values() for report in of_method]
    base: dict[str, Any] = next(iter(found.get(NO_METHOD, [])), {"values": {}})
    floors: dict[str, float] = base.get("floors", {})
    for report in every:
        ratios = ratios_of(report["values"], base["values"], floors.get("efficacy.probability"))
        report["values"] = {key: float(value) for key, value in ratios.items() if math.isfinite(value)} | report["values"]
    floors = floors | RATIO_FLOORS
    has_value = {key for report in every for key in report["values"]}
    measures = [measure for measure in (*RATIOS, *OF_ANSWERS, *TOFU_MEASURES) if measure.key in has_value]
    values: dict[str, dict[str, Any]] = {method: {} for method in found}
    for method, of_method in found.items():
        for m in measures:
            seen = [report["values"][m.key] for report in of_method if m.key in report["values"]]
            values[method][m.key] = over_seeds(seen) if seen else None
    better = {m.key: m.better if m.better != "floor" or m.key in floors else "lower" for m in measures}
    _judge(values, resampled(answers), better)
    means = {method: {key: cell["mean"] for key, cell in cells.items() if cell} for method, cells in values.items()}
    compared = {method: of_method for method, of_method in means.items() if method not in REFERENCES}
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
                "better": better[m.key],
                "floor": floors.get(m.key),
                "normalised": m.in_bars,
                # The fewest and the most that it is over in one run.
                "questions": [questions[m.key][0], questions[m.key][-1]] if questions[m.key] else None,
            }
            for m in measures
        ],
        "values": values,
        "bars": bars(compared, floors, measures, means.get(NO_METHOD, {})),
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


def _finished(
    folders: BenchmarkFolders, methods: Sequence[str], seeds: Collection[int] | None
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[Rows]]]:
    """What a table is made of: {method: the reports of its runs}, and {method: their answers} where all of them have some."""
    runs = {method: _runs(folders, method) for method in (*REFERENCES, *methods)}
    there = {seed for method in methods for seed in runs[method]}
    if missing := set(seeds or ()) - there:
        known = ", ".join(map(str, sorted(there))) or "none"
        raise InputError(f"{folders.folder}/runs holds no run with seed {min(missing)}; the seeds there are {known}.")
    found: dict[str, list[dict[str, Any]]] = {}
    answers: dict[str, list[Rows]] = {}
    for method, by_seed in runs.items():
        chosen = [run for seed, run in by_seed.items() if seeds is None or seed in seeds or method in REFERENCES]
        if reports := {run: report for run in chosen if (report := _report(run))}:
            found[method] = list(reports.values())
            if all((run / ANSWERS).exists() for run in reports):
                answers[method] = [_answers(run / ANSWERS) for run in reports]
    if not found:
        raise InputError(f"{folders.folder}/runs holds no finished run; make some (nevermet benchmark {folders.folder.name}).")
    _check_same_questions(folders, answers)
    for method, of_runs in answers.items() if NO_METHOD in answers and len(answers) == len(found) else ():
        answers[method] = [beside_base(rows, answers[NO_METHOD][0]) for rows in of_runs]
        for report, rows in zip(found[method], answers[method], strict=True):
            for part, of_rows in (("values", values_of(rows)), ("questions", counts_of(rows))):
                report[part] = report.get(part, {}) | {m.key: of_rows[m.key] for m in BESIDE_BASE if m.key in of_rows}
    return found, answers


def differences(
    folders: BenchmarkFolders, methods: Sequence[str], other: str, seeds: Collection[int] | None = None
) -> list[dict[str, Any]]:
    """Each measure with the paired differences of all methods, and of the base, from the method ``other``.

    {"key", "label", "better", "cells": {method: {"mean", "low", "high", "p"}}}. Raises InputError as ``benchmark_table`` does,
    and where ``other`` has no answers.
    """
    _, answers = _finished(folders, methods, seeds)
    if other not in answers:
        raise InputError(f"{folders.folder}/runs holds no answers of {other}; those there are of {', '.join(answers)}.")
    drawn = resampled(answers)
    rows = []
    for m in (*RATIOS, *OF_ANSWERS):
        if cells := drawn.differences(m.key, m.better, other):
            told = {method: {key: _six(value) for key, value in cell.items()} for method, cell in cells.items()}
            rows.append({"key": m.key, "label": m.label, "better": m.better, "cells": told})
    return rows


def _judge(values: Mapping[str, Mapping[str, Any]], drawn: Resampled, better: Mapping[str, str]) -> None:
    """Give the cells of ``values`` the intervals that ``drawn`` has of them ("over": "questions"), "verdict" and "p"."""
    for key, way in better.items():
        cells = {method: cells[key] for method, cells in values.items() if cells[key]}
        told = drawn.verdicts(key, way, [method for method in cells if method not in REFERENCES])
        for method, cell in cells.items():
            cell["over"] = "questions" if key in drawn.means.get(method, {}) else "seeds"
            if cell["over"] == "questions":
                cell |= {end: _six(value) for end, value in estimate(drawn.means[method][key]).items() if end != "mean"}
            if method in told:
                cell["verdict"], cell["p"] = told[method][0], _six(told[method][1])


def _check_same_questions(folders: BenchmarkFolders, answers: Mapping[str, Sequence[Rows]]) -> None:
    """Raise InputError unless all runs were asked the same questions in the same order."""
    asked = {method: [[(row["split"], row["question"]) for row in rows] for rows in runs] for method, runs in answers.items()}
    for method, of_runs in asked.items():
        if any(questions != next(iter(asked.values()))[0] for questions in of_runs):
            raise InputError(
                f"{folders.folder}/runs: {method} was asked other questions than {next(iter(asked))}; "
                f"make its runs anew ({command_for(folders.folder / 'runs')})."
            )


def _answers(path: Path) -> Rows:
    table = read_parquet(path)
    check_columns(path, table.schema, ("split", "target", "question"))
    return table.to_pylist()


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
    """The table for the terminal, as Markdown: a measure a row, a method a column, and what the marks mean (LEGEND)."""
    methods = table["methods"]
    yield f"| measure | | {' | '.join(methods)} |"
    yield f"| --- | --- |{' --- |' * len(methods)}"
    for measure in table["measures"]:
        texts = [_text(table["values"][method][measure["key"]]) for method in methods]
        yield f"| {measure['label']} | {measure['better']} | {' | '.join(texts)} |"
    yield ""
    yield LEGEND


def difference_lines(rows: Sequence[Mapping[str, Any]], other: str) -> Iterator[str]:
    """``differences`` for the terminal, as Markdown."""
    methods = list(dict.fromkeys(method for row in rows for method in row["cells"]))
    yield f"| less {other} | | {' | '.join(methods)} |"
    yield f"| --- | --- |{' --- |' * len(methods)}"
    for row in rows:
        texts = [_difference(row["cells"].get(method)) for method in methods]
        yield f"| {row['label']} | {row['better']} | {' | '.join(texts)} |"
    yield ""
    yield (
        f"A method's value less that of {other} on the same questions, with its 95 % interval over people, questions and "
        "seeds; where the floor is best, its distance from the floor less the other's. Bold: told apart from 0 (5 %, Holm's "
        "correction for all of the row)."
    )


def _difference(cell: Mapping[str, float] | None) -> str:
    if cell is None:
        return ""
    mark = "**" if cell["p"] < 1 - LEVEL else ""
    return f"{mark}{cell['mean']:+.3f} [{cell['low']:+.3f}, {cell['high']:+.3f}]{mark}"


def _text(cell: Mapping[str, Any] | None) -> str:
    """Mean and interval, with the mark of the verdict."""
    if cell is None:
        return ""
    mean, spread = cell["mean"], ""
    mark = {"best": "**", "not told apart": "*"}.get(cell.get("verdict", ""), "")
    if cell["over"] == "questions":
        spread = f" [{cell['low']:.3f}, {cell['high']:.3f}]"
    elif cell["high"] is not None:
        spread = f" ± {cell['high'] - mean:.3f}"
    text = f"{mean:.3f}{spread}" if abs(mean) >= 0.001 or not mean else f"{mean:.1e}{spread}"
    return f"{mark}{text}{mark}"
