"""Curves keep their losses alone, and few enough points to be drawn."""

from pathlib import Path

import pytest

from pipeline.report.curves import curves, sweep, thinned
from tests.report.inputs import write_benchmark, write_run, write_sweep


@pytest.mark.parametrize("count", [1, 199, 200, 201, 1000])
def test_thinning_keeps_the_mean_and_the_last_step(count: int) -> None:
    window, rows = thinned([{"step": float(step), "forget_kl": float(step % 7)} for step in range(count)], 200)
    assert len(rows) <= 200
    assert rows[-1]["step"] == count - 1
    sizes = [window] * (len(rows) - 1) + [count - window * (len(rows) - 1)]
    total = sum(size * (row["forget_kl"] or 0) for size, row in zip(sizes, rows, strict=True))
    assert total == pytest.approx(sum(step % 7 for step in range(count)))


def test_a_window_without_a_loss_has_none() -> None:
    rows = [{"step": 0.0, "retain_kl": None}, {"step": 1.0, "retain_kl": 0.5}, {"step": 2.0, "retain_kl": None}]
    assert thinned(rows, 2) == (2, [{"step": 1.0, "retain_kl": 0.5}, {"step": 2.0, "retain_kl": None}])


def test_only_losses_are_drawn_and_an_empty_field_is_none(tmp_path: Path) -> None:
    write_run(tmp_path)
    (run,) = curves(tmp_path)[0]["runs"]
    assert run["rows"][1] == {"step": 1, "forget_kl": 0.5, "retain_kl": None}
    assert run["window"] == 1


def test_a_benchmark_has_a_curve_a_method_and_seed_with_whatever_losses(tmp_path: Path) -> None:
    write_benchmark(tmp_path, "tofu")
    runs = curves(tmp_path)[2]["runs"]
    assert [(run["method"], run["seed"]) for run in runs][:2] == [("gradient_ascent", 0), ("gradient_ascent", 1)]
    assert set(runs[0]["rows"][0]) == {"step", "forget_nll", "retain_kl"}


def test_sweep_is_rows_of_numbers(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    assert sweep(tmp_path)["rows"][2]["names"] == 20.0
