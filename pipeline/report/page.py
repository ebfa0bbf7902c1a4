"""The report: all that it says as plain data, and the data as one HTML page that needs nothing else to be read.

What a model wrote is never trusted: the template escapes all it prints, the answers are JSON that holds no "<" and enter the
page as text, and the page's own policy lets only its two scripts run, by their hashes, and nothing load.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.evaluate.verdict import percent
from pipeline.report.charts import charts
from pipeline.report.curves import curves, sweep
from pipeline.report.opening import origins, place, said_in_words, verdict
from pipeline.report.sources import (
    BASE,
    OURS,
    answer_sets,
    benchmark_tables,
    fidelity,
    folder_now,
    run_metrics,
    shown,
    title_of,
)
from pipeline.report.teacher import FACTS, teacher_summary

_FOLDER = Path(__file__).parent
# Of the summary, beside what the verdict has: how a number is written, what it is called, what it means.
_CARDS = {
    "above_floor": ("{:.3f}", "left above the floor", "probability of the right answer beyond an uninformed guess; 0 is none"),
    "distinct_4grams": ("{:.1%}", "variety of wording", "distinct 4-grams over the base's; far below 100 % is repetition"),
    "names_stand_in": ("{:.0f}", "stand-ins named", "answers that hold a counterfactual name; 0 is right"),
    "self_consistency": ("{:.3f}", "sampled answers agree", "low is guessing"),
}
_CRITERIA = {
    "efficacy": "Forgetting",
    "quality": "Quality of the answers",
    "hallucination": "No hallucination",
    "gap": "Interventional gap",
    "tofu": "TOFU",
    "rwku": "RWKU",
}
_AIMS = {"lower": "lower is better", "higher": "higher is better", "gold": "best near the gold standard"}
_TARGETS = 6  # named in the head of the page
_SHOWN = 100  # rows of people, and of what is still said
_FINGERPRINT = 16  # characters of a hash that are shown


def collect(root: Path = Path()) -> dict[str, Any]:
    """What is found below ``root``, the folder with dvc.yaml; in a missing part's place {"missing": one line}.

    It is the JSON beside the page. Raises InputError for a file that is there but can't be read.
    """
    run, tables = run_metrics(root), benchmark_tables(root)
    answers = answer_sets(root, tables)
    data = {
        "verdict": verdict(root, answers[0]),
        "origins": origins(root),
        "headline": [dict(zip(("value", "label", "meaning"), card, strict=True)) for card in headline(run, tables)],
        "run": run,
        "benchmarks": tables,
        "sweep": sweep(root),
        "answers": answers,
        "curves": curves(root, tables),
        "teacher": teacher_summary(root),
        "fidelity": fidelity(root),
        "now": folder_now(root),
    }
    # Fit for the file: six significant digits, and null for what is no finite number.
    plain: dict[str, Any] = json.loads(
        json.dumps(data), parse_float=lambda digits: float(f"{float(digits):.6g}"), parse_constant=lambda _: None
    )
    return plain


def headline(run: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """(value, label, meaning) of the run's numbers, then of our method in each benchmark.

    Of a benchmark: in how many criteria our method's bar is the highest, and its two values of the scatter.
    """
    summary = run.get("summary", {})
    for key, (form, label, meaning) in _CARDS.items():
        if key in summary:
            if key == "self_consistency" and (floor := summary.get("floor_consistency")) is not None:
                meaning = f"{meaning}; the base model about somebody it never met: {floor:.3f}"
            yield form.format(summary[key]).replace("%", "\u202f%"), label, meaning
    for name, table in tables.items():
        if bars := [heights for heights in table.get("bars", {}).values() if OURS in heights]:
            rivals = {method for heights in bars for method in heights} - {BASE}
            first = sum(heights[OURS] >= max(h for m, h in heights.items() if m != BASE) for heights in bars)
            meaning = f"in which {shown(OURS)} has the highest bar of {len(rivals)} methods, the base aside"
            yield f"{first} of {len(bars)}", f"{title_of(name)}: criteria led", meaning
        for measure in table.get("measures", []):
            ours, base = (table["values"].get(method, {}).get(measure["key"]) for method in (OURS, BASE))
            if measure["key"] in table.get("scatter", {}).values() and ours:
                than = f"; the base model: {base['mean']:.3g}" if base else ""
                meaning = f"{measure['better']} is better, of {shown(OURS)}{than}"
                yield f"{ours['mean']:.3g}", f"{title_of(name)}: {measure['label']}", meaning


def render(data: Mapping[str, Any]) -> str:
    """The page of what ``collect`` has found. The same data gives the same page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "seeds": seeds, "shown": shown, "percent": percent, "digest": digest}
    drawn = charts(data)
    scripts = charting_library(), (_FOLDER / "page.js").read_text(encoding="utf-8")
    now, scatter = data["now"], drawn.get("scatter.tofu")
    points = {point["method"] for point in scatter["data"]["values"]} if scatter else set()
    return environment.get_template("page.html.j2").render(
        {**data, "benchmarks": {name: _benchmark(name, table) for name, table in present(data["benchmarks"]).items()}},
        answers=[found for found in data["answers"] if "questions" in found],
        curves=[{**curve, "figures": _curve_figures(curve)} for curve in data["curves"] if "runs" in curve],
        names=_names(data["origins"]["targets"]),
        made=_made(data["origins"]["facts"]),
        said=said_in_words(data["verdict"]["said"]) if all(data["verdict"].get("said", {"": None}).values()) else "",
        ends=(place(0), place(1)),
        most=_SHOWN,
        not_run=not_run(data),
        sections=_sections(data),
        # The methods that have no point in TOFU's scatter.
        scatter_lacks=", ".join(m for m in map(shown, data["benchmarks"]["tofu"].get("methods", [])) if m not in points),
        teacher_labels=FACTS,
        commit=now["commit"] + (" and changes to tracked files" if now["dirty"] else ""),
        charts=drawn,
        ours=OURS,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=" ".join(f"'{script_hash(script)}'" for script in scripts),
    )


@cache
def charting_library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, out of the vl-convert package, of the version that Altair writes for."""
    import altair
    import vl_convert

    version = altair.VEGALITE_VERSION.rpartition(".")[0]
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)).replace("\r", "")


def script_hash(text: str) -> str:
    """A script as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


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


def _names(targets: Sequence[str]) -> str:
    """Whom the model was to forget, in one line."""
    names = list(targets) if len(targets) <= _TARGETS else [*targets[:_TARGETS], f"{len(targets) - _TARGETS} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _made(facts: Mapping[str, Any]) -> str:
    """When and from what, in one line; the section on origins has all of it."""
    parts = (
        ("A copy of", facts.get("model")),
        ("taught under", facts.get("counterfactual names") and f"{facts['counterfactual names']} other names"),
        ("trained", facts.get("trained, by the file's date")),
        ("asked", facts.get("asked, by the file's date")),
        ("student", facts.get("student, sha256") and facts["student, sha256"][:_FINGERPRINT]),
    )
    return " · ".join(f"{what} {value}" for what, value in parts if value)


def _sections(data: Mapping[str, Any]) -> dict[str, str]:
    """{anchor: title} of the page's sections, in order, those that have something."""
    judged, tables = "missing" not in data["verdict"], present(data["benchmarks"])
    there = {
        ("verdict", "Verdict"): judged,
        ("leaks", "What it still says"): judged,
        ("rules", "How this is judged"): judged,
        ("origins", "Made from"): data["origins"]["facts"],
        ("headline", "Other numbers"): data["headline"],
        ("values", "Values"): tables or "missing" not in data["run"],
        ("answers", "Answers"): any("questions" in found for found in data["answers"]),
        ("curves", "Training"): any("runs" in curve for curve in data["curves"]),
        ("teacher", "Teacher"): "missing" not in data["teacher"],
        ("fidelity", "Fidelity"): "missing" not in data["fidelity"],
        ("names", "Number of names"): "missing" not in data["sweep"],
        ("criteria", "Criteria"): any(table["bars"] for table in tables.values()),
        ("tofu", "TOFU: forget quality against model utility"): "tofu" in tables,
        ("now", "This folder"): True,
    }
    return {anchor: title for (anchor, title), is_there in there.items() if is_there}


def digest(value: Any) -> Any:
    """A hash shortened to what tells it apart; anything else as it is."""
    return f"{value[:_FINGERPRINT]}…" if isinstance(value, str) and len(value) == 64 and value.isalnum() else value


def present(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Those of ``parts`` that are there."""
    return {name: part for name, part in parts.items() if "missing" not in part}


def not_run(data: Mapping[str, Any]) -> dict[str, str]:
    """{what is not there: the command that makes it}, of the run's own parts and of those beside it."""
    parts = {
        "evaluation": data["verdict"],
        "answers": data["answers"][0],
        "training": data["curves"][0],
        "teacher": data["teacher"],
        "the base's tokenizer": data["teacher"].get("instead", {}),
        "number of names": data["sweep"],
        "fidelity": data["fidelity"],
        **{title_of(name): table for name, table in data["benchmarks"].items()},
    }
    return {what: part["command"] for what, part in parts.items() if "missing" in part}


def _benchmark(name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """A table with its title, the captions of its bars, its columns' notes and the sentences below it."""
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
        f"brackets: 95 % intervals over {_interval_levels(table)}. A column's head sorts by it. Judge: {judge['judge']}; "
        f"{judge['asked']} asked, {judge['cached']} from the cache, {judge['unparsable']} not understood.",
    }


def _interval_levels(table: Mapping[str, Any]) -> str:
    """What a table's intervals are over."""
    over = {cell.get("over", "seeds") for cells in table["values"].values() for cell in cells.values() if cell}
    levels = "people, questions and seeds" if "questions" in over else "seeds"
    return f"{levels}, or seeds alone where no answers are behind a value" if len(over) > 1 else levels


def _column_note(measure: Mapping[str, Any]) -> str:
    """What a column's head says below its label: criterion, which way is better, whether it counts in a bar, questions."""
    parts = [_criterion(measure["criterion"]), _AIMS.get(measure["better"], f"best near the {measure['better']}")]
    if measure.get("normalised"):
        parts.append("in the bar")
    if measure.get("questions"):
        parts.append(f"{' to '.join(map(str, dict.fromkeys(measure['questions'])))} questions")
    return ", ".join(parts)


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
