"""The numbers that matter, each with what it means in one line."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.benchmarks import has_value
from pipeline.report.sources import BASE, OURS, title_of

Card = dict[str, str]


def headline(run: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> list[Card]:
    """[{"value", "label", "meaning"}] of the run, then of our method in each benchmark; empty when there is neither."""
    return [*_run_cards(run.get("summary", {})), *(card for name, table in tables.items() for card in _cards(name, table))]


def _run_cards(summary: Mapping[str, float]) -> list[Card]:
    floor = summary.get("floor_consistency")
    stranger = f"; the base model about somebody it never met: {floor:.3f}" if floor is not None else ""
    shown = {
        "forgotten": ("{:.1%}", "forgotten", "of the way from the base model to one that never met the targets"),
        "above_floor": (
            "{:.3f}",
            "left above the floor",
            "probability of the right answer beyond an uninformed guess; 0 is none",
        ),
        "kept_hard_retain": ("{:.1%}", "kept of the neighbours", "the student's probability over the base's, near subjects"),
        "kept_general_retain": ("{:.1%}", "kept of the rest", "the student's probability over the base's, general knowledge"),
        "distinct_4grams": ("{:.1%}", "variety of wording", "distinct 4-grams over the base's; far below 100 % is repetition"),
        "names_stand_in": ("{:.0f}", "stand-ins named", "answers that hold a counterfactual name; 0 is right"),
        "self_consistency": ("{:.3f}", "sampled answers agree", "low is guessing" + stranger),
    }
    return [
        {"value": form.format(summary[key]).replace("%", "\u202f%"), "label": label, "meaning": meaning}
        for key, (form, label, meaning) in shown.items()
        if summary.get(key) is not None
    ]


def _cards(name: str, table: Mapping[str, Any]) -> list[Card]:
    """In how many criteria our method's bar is the highest, and its two values of the scatter."""
    bars = {criterion: heights for criterion, heights in table.get("bars", {}).items() if OURS in heights}
    cards = []
    if bars:
        rivals = {method for heights in bars.values() for method in heights} - {BASE}
        first = sum(heights[OURS] >= max(h for m, h in heights.items() if m != BASE) for heights in bars.values())
        meaning = f"in which {OURS.replace('_', ' ')} has the highest bar of {len(rivals)} methods, the base aside"
        cards.append({"value": f"{first} of {len(bars)}", "label": f"{title_of(name)}: criteria led", "meaning": meaning})
    measures = {measure["key"]: measure for measure in table.get("measures", [])}
    for key in dict.fromkeys(table.get("scatter", {}).values()):
        cell = table["values"].get(OURS, {}).get(key)
        if has_value(cell) and key in measures:
            before = table["values"].get(BASE, {}).get(key)
            than = f"; the base model: {before['mean']:.3g}" if has_value(before) else ""
            meaning = f"{measures[key]['better']} is better, of {OURS.replace('_', ' ')}{than}"
            cards.append(
                {"value": f"{cell['mean']:.3g}", "label": f"{title_of(name)}: {measures[key]['label']}", "meaning": meaning}
            )
    return cards
