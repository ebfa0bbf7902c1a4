"""The methods in one picture: how much each has forgotten, against what it has kept, by probability and in free answers."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import altair as alt

from benchmarks.suite.params import NO_METHOD
from pipeline.core.errors import InputError

FORGET, QUALITY = "efficacy.from_floor", "quality.forget"
OURS = "teacher_student"
BROKEN = 0.5  # quality of the answers, below which they have fallen apart
_WIDTH, _HEIGHT = 440, 330  # pixels, within the axes of a panel
_FONT = "Arial, Helvetica, sans-serif"
_INK, _MUTED, _LINE = "#1d2126", "#5a6068", "#e3e3de"
_COLORS = {"ours": "#0b5c8a", "base": _INK, "other": "#868d94"}


class Panel(NamedTuple):
    """What a method has kept, from left to right."""

    key: str
    times: int  # the table's value
    step: float  # between round numbers of the axis
    title: str


class Label(NamedTuple):
    """Where a method's name stands from its point, in pixels."""

    dx: int = 9
    dy: int = -9
    align: Literal["left", "center", "right"] = "left"


PANELS = (
    Panel("utility.hard_kept", 100, 10, "neighbours: probability of the right answer among four, in % of the base's"),
    Panel("utility.hard_rouge_l_recall", 1, 0.05, "neighbours: how much of the right answer free answers have (ROUGE-L)"),
)
NAMES = {
    NO_METHOD: "base model",
    OURS: "Nevermet",
    "npo": "NPO",
    "simnpo": "SimNPO",
    "altpo": "AltPO",
    "rmu": "RMU",
    "whp": "Who's Harry Potter",
    "prompt_distill": "prompt distillation",
}
_BELOW, _BESIDE = Label(10, 12), Label(9, 4)
_LABELS: dict[str, tuple[Label, Label]] = {  # in each panel
    NO_METHOD: (Label(10, -4), Label(8, -12)),
    OURS: (_BELOW, _BELOW),
    "gradient_ascent": (Label(-9, 12, "right"), Label(-9, 12, "right")),
    "gradient_difference": (Label(-9, 9, "right"), _BESIDE),
    "npo": (_BELOW, _BESIDE),
    "simnpo": (Label(9, -4), Label(9, -4)),
    "altpo": (Label(-9, 4, "right"), Label(9, 6)),
    "rmu": (Label(-9, 4, "right"), Label(-6, 16, "right")),
    "whp": (Label(-9, -4, "right"), Label(-9, 4, "right")),
    "prompting": (Label(9, -4), Label(-10, 0, "right")),
    "prompt_distill": (Label(4, 17), Label(10, 4)),
}


def method_points(table: Mapping[str, Any], panel: Panel) -> list[dict[str, Any]]:
    """A point for each method that has both values: "method", "name", "who", "broken"; x and y with x_low, x_high and so on.

    x is what ``panel`` shows, y how far the probability of the right answer is from the floor, question by question. Low and
    high are the table's 95 % intervals, the value itself where it has none. ``broken``: the answers about the targets have
    fallen apart.
    Raises InputError when the base lacks one of the two.
    """
    values = {method: cells for method, cells in table["values"].items() if cells.get(FORGET) and cells.get(panel.key)}
    if NO_METHOD not in values:
        raise InputError(f"the table has no {FORGET} or {panel.key} of {NO_METHOD}, so nothing can be set beside it.")
    points = []
    for method, cells in values.items():
        quality = cells.get(QUALITY)
        who = {OURS: "ours", NO_METHOD: "base"}.get(method, "other")
        broken = bool(quality) and quality["mean"] < BROKEN
        point = {"method": method, "name": NAMES.get(method, method.replace("_", " ")), "who": who, "broken": broken}
        for axis, key, times in (("x", panel.key, panel.times), ("y", FORGET, 1)):
            mean, *ends = (cells[key][end] for end in ("mean", "low", "high"))
            low, high = (mean if end is None else end for end in ends)
            point |= {axis: times * mean, f"{axis}_low": times * low, f"{axis}_high": times * high}
        points.append(point)
    return points


def methods_chart(table: Mapping[str, Any]) -> alt.HConcatChart:
    """A panel beside the other, and what both are about."""
    title = alt.Title(
        "What each method has forgotten, and what it has kept",
        subtitle=[
            "The best place is near the dashed line, no further to the left than the base model. Thin lines: 95 % intervals "
            "over people, their questions and seeds.",
            "Hollow points: asked about these people, the model no longer writes sentences.",
        ],
        anchor="start",
        offset=14,
    )
    chart = alt.hconcat(*(_panel(table, number) for number in range(len(PANELS))), title=title, background="white", padding=12)
    axis = {"gridColor": _LINE, "domainColor": _LINE, "tickColor": _LINE, "labelColor": _MUTED, "titleColor": _MUTED}
    return (
        chart.configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(**axis, labelFontSize=12, titleFontSize=12.5, titleFontWeight="normal", titlePadding=10)
        .configure_text(fontSize=13)
        .configure_title(fontSize=15, color=_INK, subtitleFontSize=12.5, subtitleColor=_MUTED, subtitlePadding=6)
    )


def _panel(table: Mapping[str, Any], number: int) -> alt.LayerChart:
    """``method_points`` with their names and intervals, and the floor as a line."""
    panel = PANELS[number]
    points = method_points(table, panel)
    left = panel.step * (min(p["x_low"] for p in points) // panel.step)
    right = panel.step * (max(p["x_high"] for p in points) // panel.step + 1)
    floor = next(measure["floor"] for measure in table["measures"] if measure["key"] == FORGET)
    if floor is None:
        raise InputError("the base was asked about one invented name alone; set evaluate.floor_names to 2 or more, for a line.")
    bottom, top = min(floor, *(p["y_low"] for p in points)) - 0.02, max(p["y_high"] for p in points) + 0.01

    def x(field: str) -> alt.X:
        scale = alt.Scale(domain=[left, right], nice=False, zero=False)
        return alt.X(field, title=panel.title, scale=scale, axis=alt.Axis(tickCount=7))

    def y(field: str) -> alt.Y:
        title = None if number else "about the person: distance from the floor, question by question"
        scale, axis = alt.Scale(domain=[bottom, top], nice=False, zero=False), alt.Axis(tickCount=5, format=".2f")
        return alt.Y(field, title=title, scale=scale, axis=axis)

    def drawn(rows: list[dict[str, Any]]) -> alt.Chart:
        return alt.Chart(alt.Data(values=rows)).encode(x=x("x:Q"), y=y("y:Q"))

    color = alt.Color("who:N", scale=alt.Scale(domain=list(_COLORS), range=list(_COLORS.values())), legend=None)
    size = alt.Size("who:N", scale=alt.Scale(domain=list(_COLORS), range=[190, 90, 90]), legend=None)
    fill = alt.condition("datum.broken", alt.value("white"), color)
    intervals = drawn(points).mark_rule(opacity=0.4).encode(color=color)
    line = drawn(
        [{"x": left, "x_high": right, "y": floor, "name": f"one name that nobody bears, from the others: {floor:.3f}"}]
    )
    layers = [
        intervals.encode(x=x("x_low:Q"), x2="x_high:Q"),
        intervals.encode(y=y("y_low:Q"), y2="y_high:Q"),
        line.mark_rule(strokeDash=[5, 4], color=_MUTED).encode(x2="x_high:Q"),
        line.mark_text(align="right", dx=-6, dy=12, color=_MUTED).encode(x=x("x_high:Q"), text="name:N"),
        drawn(points).mark_point(opacity=1, fillOpacity=1, strokeWidth=1.6).encode(color=color, fill=fill, size=size),
    ]
    for point in points:
        (dx, dy, align), who = _LABELS.get(point["method"], (Label(), Label()))[number], point["who"]
        text = drawn([point]).mark_text(
            align=align,
            dx=dx,
            dy=dy,
            color=_MUTED if who == "other" else _COLORS[who],
            fontWeight="bold" if who == "ours" else "normal",
        )
        layers.append(text.encode(text="name:N"))
    return alt.LayerChart(layer=layers, width=_WIDTH, height=_HEIGHT)
