"""What the charts are given to draw."""

from pathlib import Path

from pipeline.report.charts import charts, criterion_bars, histogram, scatter_points
from pipeline.report.page import collect, render
from tests.report.inputs import benchmark_table, write_benchmark, write_json, write_run, write_sweep


def test_every_part_has_its_chart_and_none_reaches_for_the_network(tmp_path: Path) -> None:
    write_run(tmp_path)
    write_sweep(tmp_path)
    write_benchmark(tmp_path, "tofu")
    drawn = charts(collect(tmp_path))
    assert set(drawn) == {
        *(f"criteria.tofu.{criterion}" for criterion in ("efficacy", "utility", "quality", "hallucination", "robustness")),
        "scatter.tofu",
        "sweep.shares",
        "sweep.agreement",
        "curve.run.student",
        *(f"curve.tofu.{method}" for method in ("teacher_student", "gradient_ascent", "npo")),
    }
    assert "http" not in str(drawn)
    assert all("url" not in str(spec.get("data")) for spec in drawn.values())


def test_bars_keep_the_order_of_the_methods_and_set_ours_off() -> None:
    spec = criterion_bars({"base": 1.0, "teacher_student": 0.9, "npo": 0.5})
    assert spec["data"]["values"] == [
        {"method": "base", "height": 1.0, "who": "base"},
        {"method": "teacher student", "height": 0.9, "who": "ours"},
        {"method": "npo", "height": 0.5, "who": "other"},
    ]


def test_scatter_leaves_out_what_a_log_axis_can_not_hold(tmp_path: Path) -> None:
    table = benchmark_table("tofu")
    table["values"]["gradient_ascent"]["tofu.forget_quality"] = {"mean": 0.0, "low": 0.0, "high": 0.0}
    table["values"]["teacher_student"]["tofu.forget_quality"]["low"] = 0.0
    points = {point["method"]: point for point in scatter_points(table)}
    assert set(points) == {"base", "teacher student"}  # npo has no forget quality at all
    write_json(tmp_path / "benchmarks/results/tofu/table.json", table)
    assert "can't hold: gradient ascent, npo.</p>" in render(collect(tmp_path))
    ours = points["teacher student"]
    assert (ours["y_low"], ours["y_high"]) == (ours["y"], ours["y"])
    assert ours["x_low"] < ours["x"] < ours["x_high"]


def test_a_histogram_ends_where_its_last_bin_ends() -> None:
    spec = histogram({"forget": {"edges": [0.0, 1.0, 2.0], "shares": [0.25, 0.75]}}, "entropy")
    assert [(row["x"], row["y"]) for row in spec["data"]["values"]] == [(0.0, 0.25), (1.0, 0.75), (2.0, 0.75)]
