"""The report's charts as Vega-Lite specifications, drawn by the page itself.

Altair checks each against the schema. They carry no colours and fonts: the page gives them those of its light or dark scheme,
and "usermeta" says which of its palettes ("emphasis": ours, base, others; "series": lines that are told apart). A chart is as
wide as its box; only heights are given.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from pipeline.report.sources import BASE, OURS, shown

Spec = dict[str, Any]
Rows = list[dict[str, Any]]
_SHARES = {"forgotten": "forgotten", "kept_hard_retain": "kept, hard-retain", "kept_general_retain": "kept, general-retain"}
_AGREEMENT = {"self_consistency": "student", "floor_consistency": "base on strangers"}
_TEACHER_AXES = {
    "entropy": "entropy (nats)",
    "tail": "probability outside the K tokens",
    "swapped": "probability moved by the reverse swap",
}


def charts(data: Mapping[str, Any]) -> dict[str, Spec]:
    """{id: specification}. An id is its section, then what is drawn in it: criteria.tofu.utility, curve.run.student."""
    drawn: dict[str, Spec] = {}
    for name, table in data["benchmarks"].items():
        for criterion, heights in table.get("bars", {}).items():
            drawn[f"criteria.{name}.{criterion}"] = criterion_bars(heights)
        if points := scatter_points(table):
            labels = {measure["key"]: measure["label"] for measure in table["measures"]}
            drawn[f"scatter.{name}"] = scatter(points, labels[table["scatter"]["x"]], labels[table["scatter"]["y"]])
    for key, names, title in (("shares", _SHARES, "share"), ("agreement", _AGREEMENT, "agreement of sampled answers")):
        if rows := _lines(data["sweep"].get("rows", []), "names", names):
            drawn[f"sweep.{key}"] = lines_chart(rows, "number of names N", title, points=True)
    for curve in data["curves"]:
        methods: dict[str, Rows] = {}
        for run in curve.get("runs", []):
            keys = [key for row in run["rows"][:1] for key in row if key != "step"]
            losses = {key: shown(key).replace(" kl", " KL").replace(" nll", " NLL") for key in keys}
            rows = [row | {"seed": run["seed"]} for row in _lines(run["rows"], "step", losses)]
            methods.setdefault(run["method"], []).extend(rows)
        for method, rows in methods.items():
            if rows:
                drawn[f"curve.{curve['source']}.{method}"] = lines_chart(rows, "optimizer step", "loss (nats a token)")
    for key, kinds in data["teacher"].get("histograms", {}).items():
        drawn[f"teacher.{key}"] = histogram(kinds, _TEACHER_AXES[key], log=key == "tail")
    return drawn


def _lines(rows: Rows, x: str, names: Mapping[str, str]) -> Rows:
    """A point for each value in the columns of ``names``, {column: the line's name}, over the column ``x``."""
    points = [{"x": row[x], "y": row.get(key), "line": line} for row in rows for key, line in names.items()]
    return [point for point in points if point["y"] is not None]


def _who(method: str) -> str:
    return {OURS: "ours", BASE: "base"}.get(method, "other")


def criterion_bars(heights: Mapping[str, float]) -> Spec:
    """A bar a method, in the order of the table so that criteria compare, with its height written beside it."""
    rows = [{"method": shown(m), "height": height, "who": _who(m)} for m, height in heights.items()]
    scale, axis = alt.Scale(domain=[0, 1.2], nice=False), alt.Axis(values=[0, 0.5, 1], format=".1f")
    names = alt.Axis(labelLimit=150, ticks=False, domain=False, labelPadding=6)
    both = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("height:Q", title=None, scale=scale, axis=axis),
        y=alt.Y("method:N", sort=None, title=None, axis=names),
        tooltip=["method:N", alt.Tooltip("height:Q", format=".3f")],
    )
    numbers = both.mark_text(align="left", dx=4).encode(text=alt.Text("height:Q", format=".2f"))
    return _spec(both.mark_bar(height=13).encode(color=_emphasis()) + numbers, 24 * len(rows), "emphasis")


def scatter_points(table: Mapping[str, Any]) -> Rows:
    """A point a method that has both values, y above 0 since its axis is logarithmic; intervals where both ends can stand."""
    points = []
    for method in table["methods"] if "scatter" in table else ():
        cells = {axis: table["values"].get(method, {}).get(key) for axis, key in table["scatter"].items()}
        if any(cell is None or cell["mean"] is None for cell in cells.values()) or cells["y"]["mean"] <= 0:
            continue
        point = {"method": shown(method), "who": _who(method), "x": cells["x"]["mean"], "y": cells["y"]["mean"]}
        for axis, cell in cells.items():
            ends = cell["low"], cell["high"]
            if None in ends or (axis == "y" and ends[0] <= 0):
                ends = cell["mean"], cell["mean"]
            point[f"{axis}_low"], point[f"{axis}_high"] = ends
        points.append(point)
    return points


def scatter(points: Rows, x_title: str, y_title: str) -> Spec:
    """``points`` with their intervals over seeds and their names; y on a log scale."""
    # The names stand to the right of their points, so the axis goes on there.
    low, high = min(p["x_low"] for p in points), max(p["x_high"] for p in points)
    room = max(high - low, 0.05)
    scale = alt.Scale(domain=[low - 0.08 * room, high + 0.45 * room], nice=False)
    both = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X("x:Q", title=x_title, scale=scale, axis=alt.Axis(tickCount=6)),
        y=alt.Y("y:Q", title=f"{y_title} (log scale)", scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e", tickCount=6)),
        tooltip=["method:N", alt.Tooltip("x:Q", title=x_title, format=".3f"), alt.Tooltip("y:Q", title=y_title, format=".2e")],
    )
    colored = both.encode(color=_emphasis())
    layers = alt.layer(
        colored.mark_rule(opacity=0.5).encode(x=alt.X("x_low:Q", title=x_title, scale=scale), x2="x_high:Q"),
        colored.mark_rule(opacity=0.5).encode(y="y_low:Q", y2="y_high:Q"),
        colored.mark_point(filled=True, size=70, opacity=1),
        both.mark_text(align="left", dx=8, dy=-4).encode(text="method:N"),
    )
    return _spec(layers, 340, "emphasis")


def lines_chart(rows: Rows, x_title: str, y_title: str, *, points: bool = False) -> Spec:
    """A line for each "line" of ``rows`` (and each "seed" of it, in the same colour), y from 0."""
    order = list(dict.fromkeys(row["line"] for row in rows))
    legend = alt.Legend(title=None, orient="top", columns=2, symbolType="stroke", labelLimit=160)
    chart = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("x:Q", title=x_title, axis=alt.Axis(tickMinStep=1, tickCount=4)),
        y=alt.Y("y:Q", title=y_title, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=5)),
        color=alt.Color("line:N", sort=order, scale=alt.Scale(domain=order), legend=legend),
        tooltip=["line:N", alt.Tooltip("x:Q", title=x_title), alt.Tooltip("y:Q", title=y_title, format=".4g")],
        **({"detail": "seed:N"} if "seed" in rows[0] else {}),
    )
    return _spec(chart.mark_line(point={"size": 36} if points else False, strokeWidth=1.75), 200, "series")


def histogram(kinds: Mapping[str, Mapping[str, Sequence[float]]], x_title: str, *, log: bool = False) -> Spec:
    """The share of positions in each bin, a stepped area for each kind."""
    rows = [
        {"x": edge, "y": share, "line": kind}
        for kind, bins in kinds.items()
        for edge, share in zip(bins["edges"], [*bins["shares"], bins["shares"][-1]], strict=True)
    ]
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(nice=False)
    axis = alt.Axis(values=[10.0**power for power in range(-4, 1)], format="~g") if log else alt.Axis(tickCount=5)
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolOpacity=1) if len(kinds) > 1 else None
    chart = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("x:Q", title=x_title, scale=scale, axis=axis),
        y=alt.Y("y:Q", title="share of positions", stack=None, axis=alt.Axis(format="%", tickCount=4)),
        color=alt.Color("line:N", scale=alt.Scale(domain=list(kinds)), legend=legend),
    )
    return _spec(chart.mark_area(interpolate="step-after", opacity=0.25, line={"strokeWidth": 1.5}), 160, "series")


def _emphasis() -> Any:
    return alt.Color("who:N", scale=alt.Scale(domain=["ours", "base", "other"]), legend=None)


def _spec(chart: Any, height: int, palette: str) -> Spec:
    fit = {"type": "fit-x", "contains": "padding"}
    chart = chart.properties(width="container", height=height, autosize=fit, usermeta={"palette": palette})
    # The schema's address is a link to the network, the defaults are the page's to give.
    return {key: value for key, value in chart.to_dict().items() if key not in ("$schema", "config")}
