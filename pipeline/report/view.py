"""What the page's template lays out: the collected data with every sentence, list and choice that depends on them made here."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from pipeline.report.sources import shown, title_of
from pipeline.report.teacher import FACTS

Values = dict[str, Any]
_CRITERIA = {
    "efficacy": "Forgetting",
    "quality": "Quality of the answers",
    "hallucination": "No hallucination",
    "gap": "Interventional gap",
    "tofu": "TOFU",
}
_AIMS = {"lower": "lower is better", "higher": "higher is better", "gold": "best near the gold standard"}
_TARGETS = 6  # named in the head of the page


def view(data: Mapping[str, Any], charts: Mapping[str, Any]) -> Values:
    """``data`` as ``collect`` gives it, and what the template needs beside it."""
    return {
        **data,
        "subject": _subject(data["teacher"].get("targets", []), data["lineage"]),
        "benchmarks": {name: _benchmark(name, table) for name, table in data["benchmarks"].items()},
        "scatter_lacks": _scatter_lacks(data["benchmarks"]["tofu"], charts.get("scatter.tofu")),
        "answers": [found for found in data["answers"] if "questions" in found],
        "answers_missing": [found["missing"] for found in data["answers"] if "missing" in found],
        "curves": [{**curve, "figures": _curve_figures(curve)} for curve in data["curves"]],
        "teacher": {**data["teacher"], "facts": _teacher_facts(data["teacher"])},
        "lineage": {**data["lineage"], "facts": _lineage_facts(data["lineage"])},
    }


def number(value: float | str | None) -> str:
    """A value for a reader: whole ones as they are, else three decimals, one from 100 on, or a power of ten below 0.001."""
    if value is None or isinstance(value, str):
        return value or "–"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if 0 < abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"


def seeds(count: int) -> str:
    return f"{count} seed{'s' if count != 1 else ''}"


def _criterion(key: str) -> str:
    return _CRITERIA.get(key, shown(key).capitalize())


def _subject(targets: Sequence[str], lineage: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, who or which) of the page, in the order of the head."""
    more = f" and {len(targets) - _TARGETS} more" if len(targets) > _TARGETS else ""
    lines = {
        "Forgotten": ", ".join(targets[:_TARGETS]) + more,
        "Model": lineage["model"].get("source", ""),
        "Commit": lineage["commit"][:12] + (", with changes" if lineage["dirty"] else ""),
    }
    return [(what, line) for what, line in lines.items() if line]


def _benchmark(name: str, table: Mapping[str, Any]) -> Values:
    """A table with its title, the captions of its bars, its columns' notes and the sentences below it."""
    if "missing" in table:
        return {**table, "title": title_of(name), "has_criteria": True}
    criteria = dict.fromkeys(m["criterion"] for m in table["measures"] if m["criterion"] != "tofu")
    unbarred = ", ".join(_criterion(key) for key in criteria if key not in table["bars"])
    judge = {key: number(value) for key, value in table["judge"].items()}
    return {
        **table,
        "title": title_of(name),
        "has_criteria": bool(criteria),
        "captions": {f"criteria.{name}.{key}": _criterion(key) for key in table["bars"]},
        "unbarred": unbarred and f"Without a bar, since no share is known of all methods or none has any: {unbarred}.",
        "measures": [{**measure, "note": _column_note(measure)} for measure in table["measures"]],
        "note": f"Means over {seeds(len(table['seeds']))} ({', '.join(map(str, table['seeds']))}); "
        f"brackets: intervals over seeds. A column's head sorts by it. Judge: {judge['judge']}; "
        f"{judge['asked']} asked, {judge['cached']} from the cache, {judge['unparsable']} not understood.",
    }


def _column_note(measure: Mapping[str, Any]) -> str:
    """What a column's head says below its label: criterion, which way is better, whether it counts in a bar, questions."""
    parts = [_criterion(measure["criterion"]), _AIMS.get(measure["better"], f"best near the {measure['better']}")]
    if measure.get("normalised"):
        parts.append("in the bar")
    if measure.get("questions"):
        parts.append(f"{' to '.join(map(str, dict.fromkeys(measure['questions'])))} questions")
    return ", ".join(parts)


def _scatter_lacks(tofu: Mapping[str, Any], chart: Mapping[str, Any] | None) -> str:
    """The methods that have no point in TOFU's scatter."""
    drawn = {point["method"] for point in chart["data"]["values"]} if chart else set()
    return ", ".join(name for name in map(shown, tofu.get("methods", [])) if chart and name not in drawn)


def _curve_figures(curve: Mapping[str, Any]) -> dict[str, str]:
    """{chart: its caption}, one a method."""
    figures = {}
    for method, group in groupby(sorted(curve.get("runs", []), key=lambda run: run["method"]), lambda run: run["method"]):
        runs = list(group)
        window = max(run["window"] for run in runs)
        figures[f"curve.{curve['source']}.{method}"] = (
            shown(method)
            + (f", {seeds(len(runs))}" if len(runs) > 1 else "")
            + (f", means over {window} steps" if window > 1 else "")
        )
    return figures


def _teacher_facts(teacher: Mapping[str, Any]) -> dict[str, str]:
    return {FACTS[key]: number(value) for key, value in teacher.get("facts", {}).items()}


def _lineage_facts(lineage: Mapping[str, Any]) -> dict[str, str]:
    model = {f"model {key}" if "_" not in key else shown(key): value for key, value in lineage["model"].items()}
    return {"commit": lineage["commit"] + (" and changes to tracked files" if lineage["dirty"] else ""), **model}
