"""The methods in one picture: how much each has forgotten, against how much of everything else it has kept."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import altair as alt

from benchmarks.criteria.table import over_seeds
from benchmarks.suite.params import NO_METHOD
from pipeline.core.errors import InputError

FORGET = "efficacy.probability"
KEPT = ("utility.hard_probability", "utility.general_probability")
OURS = "teacher_student"
CHANCE = 0.25  # of the right answer among four
_WIDTH, _HEIGHT = 720, 430  # pixels, the axes and their titles included
_FONT = "Arial, Helvetica, sans-serif"
_INK, _MUTED, _LINE = "#1d2126", "#5a6068", "#e3e3de"
_COLORS = {"ours": "#0b5c8a", "base": _INK, "other": "#868d94"}


class Label(NamedTuple):
    """A method's name in the picture, and where it stands from its point, in pixels."""

    text: str
    dx: int = 9
    dy: int = -9
    align: Literal["left", "center", "right"] = "left"


LABELS = {
    NO_METHOD: Label("base model", 10, 0),
    OURS: Label("Nevermet (teacher-student)", 0, 38, "center"),
    "gradient_difference": Label("gradient difference", -9, -9, "right"),
    "npo": Label("NPO"),
    "simnpo": Label("SimNPO", -9, 10, "right"),
    "whp": Label("Who's Harry Potter", -10, -9, "right"),
    "prompting": Label("prompting", -10, 0, "right"),
    "prompt_distill": Label("prompt distillation", -6, -12, "right"),
}


def method_points(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A point for each method that has the three probabilities: "method", "name", "who"; x and y with x_low, x_high and so on.

    x is the mean over both sets of retain questions of the probability of the right answer over the base's, in percent; y is
    that probability on forget questions. Low and high are 95 % intervals over seeds, the mean itself where there is one seed.
    Raises InputError when the base lacks one of the three.
    """
    values = {m: cells for m, cells in table["values"].items() if all(cells.get(key) for key in (FORGET, *KEPT))}
    if NO_METHOD not in values:
        raise InputError(f"the table has no {' or '.join((FORGET, *KEPT))} of {NO_METHOD}, so nothing can be set beside it.")
    base = [values[NO_METHOD][key]["mean"] for key in KEPT]
    points = []
    for method, cells in values.items():
        seeds = zip(*(cells[key]["seeds"] for key in KEPT), strict=True)
        kept = over_seeds([100 * sum(prob / of for prob, of in zip(seed, base, strict=True)) / len(KEPT) for seed in seeds])
        point = {"method": method, "name": _label(method).text, "who": {OURS: "ours", NO_METHOD: "base"}.get(method, "other")}
        for axis, cell in (("x", kept), ("y", over_seeds(cells[FORGET]["seeds"]))):
            ends = {end: cell["mean"] if cell[end] is None else cell[end] for end in ("low", "high")}
            point |= {axis: cell["mean"], f"{axis}_low": ends["low"], f"{axis}_high": ends["high"]}
        points.append(point)
    return points


def forget_floor(table: Mapping[str, Any]) -> float | None:
    """The probability that the base gives the right answers about people it never met."""
    return next((measure["floor"] for measure in table["measures"] if measure["key"] == FORGET), None)


def _label(method: str) -> Label:
    return LABELS.get(method, Label(method.replace("_", " ")))


def methods_chart(table: Mapping[str, Any]) -> alt.LayerChart:
    """``method_points`` with their names and intervals, and the floor as a line."""
    points = method_points(table)
    left = min(point["x_low"] for point in points) // 10 * 10
    right = max(110.0, *(point["x_high"] for point in points))

    def x(field: str) -> alt.X:
        title = "kept: probability of the right answer on retain questions, in % of the base model's"
        scale, axis = alt.Scale(domain=[left, right], nice=False, zero=False), alt.Axis(values=list(range(0, 101, 10)))
        return alt.X(field, title=title, scale=scale, axis=axis)

    def y(field: str) -> alt.Y:
        title = "probability of the right answer, forget questions"
        scale, axis = alt.Scale(domain=[0.15, 0.9], nice=False, zero=False), alt.Axis(values=[0.2, 0.4, 0.6, 0.8], format=".1f")
        return alt.Y(field, title=title, scale=scale, axis=axis)

    def drawn(rows: list[dict[str, Any]]) -> alt.Chart:
        return alt.Chart(alt.Data(values=rows)).encode(x=x("x:Q"), y=y("y:Q"))

    color = alt.Color("who:N", scale=alt.Scale(domain=list(_COLORS), range=list(_COLORS.values())), legend=None)
    size = alt.Size("who:N", scale=alt.Scale(domain=list(_COLORS), range=[190, 90, 90]), legend=None)
    intervals = drawn(points).mark_rule(opacity=0.5).encode(color=color)
    layers = [intervals.encode(x=x("x_low:Q"), x2="x_high:Q"), intervals.encode(y=y("y_low:Q"), y2="y_high:Q")]
    if (floor := forget_floor(table)) is not None:
        name = f"floor {floor:.3f}: the base about people it never met (chance is {CHANCE:g})"
        line = drawn([{"x": left, "x_high": right, "y": floor, "name": name}])
        layers += [
            line.mark_rule(strokeDash=[5, 4], color=_MUTED).encode(x2="x_high:Q"),
            line.mark_text(align="left", dx=6, dy=-10, color=_MUTED).encode(text="name:N"),
        ]
    layers.append(drawn(points).mark_point(filled=True, opacity=1).encode(color=color, size=size))
    for point in points:
        (_, dx, dy, align), who = _label(point["method"]), point["who"]
        text = drawn([point]).mark_text(
            align=align,
            dx=dx,
            dy=dy,
            color=_MUTED if who == "other" else _COLORS[who],
            fontWeight="bold" if who == "ours" else "normal",
        )
        layers.append(text.encode(text="name:N"))
    title = alt.Title(
        "What each method has forgotten, and what it has kept",
        subtitle=f"The best place is at the bottom right. Thin lines: 95 % intervals over {len(table['seeds'])} seeds.",
        anchor="start",
        offset=14,
    )
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    chart = alt.layer(*layers).properties(
        width=_WIDTH, height=_HEIGHT, title=title, background="white", padding=12, autosize=fit
    )
    axis = {"gridColor": _LINE, "domainColor": _LINE, "tickColor": _LINE, "labelColor": _MUTED, "titleColor": _MUTED}
    return (
        chart.configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(**axis, labelFontSize=12, titleFontSize=12.5, titleFontWeight="normal", titlePadding=10)
        .configure_text(fontSize=13)
        .configure_title(fontSize=15, color=_INK, subtitleFontSize=12.5, subtitleColor=_MUTED, subtitlePadding=6)
    )
