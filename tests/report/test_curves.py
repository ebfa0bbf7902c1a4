"""Curves keep their losses alone, and few enough points to be drawn; experiments over one parameter become a table."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.core.errors import InputError
from pipeline.report.curves import curves, finished_experiments, sweep, sweep_rows, thinned
from tests.project import succeed
from tests.report.inputs import write_benchmark, write_run, write_sweep

EXPERIMENTS = [
    {"Experiment": "names-20", "teacher.names": 20, "forgotten": 0.75, "names_stand_in": 0, "self_consistency": 0.2},
    {"Experiment": "names-1", "teacher.names": 1, "forgotten": 0.5, "names_stand_in": 4, "self_consistency": float("nan")},
    {"Experiment": "other", "teacher.names": None, "forgotten": 0.7},
]


@pytest.mark.parametrize("count", [1, 199, 200, 201, 1000])
def test_thinning_keeps_the_mean_and_the_last_step(count: int) -> None:
    window, kept = thinned(pl.DataFrame([{"step": float(step), "forget_kl": float(step % 7)} for step in range(count)]), 200)
    rows = kept.to_dicts()
    assert len(rows) <= 200
    assert rows[-1]["step"] == count - 1
    sizes = [window] * (len(rows) - 1) + [count - window * (len(rows) - 1)]
    total = sum(size * row["forget_kl"] for size, row in zip(sizes, rows, strict=True))
    assert total == pytest.approx(sum(step % 7 for step in range(count)))


def test_a_window_without_a_loss_has_none() -> None:
    rows = [{"step": 0.0, "retain_kl": None}, {"step": 1.0, "retain_kl": 0.5}, {"step": 2.0, "retain_kl": None}]
    window, kept = thinned(pl.DataFrame(rows), 2)
    assert (window, kept.to_dicts()) == (2, [{"step": 1.0, "retain_kl": 0.5}, {"step": 2.0, "retain_kl": None}])


def test_only_losses_are_drawn_and_an_empty_field_is_none(tmp_path: Path) -> None:
    write_run(tmp_path)
    (run,) = curves(tmp_path, [])[0]["runs"]
    assert run["rows"][1] == {"step": 1, "forget_kl": 0.5, "retain_kl": None}
    assert run["window"] == 1


def test_a_curve_of_no_step_has_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "evaluation/distill_curve.csv"
    path.parent.mkdir()
    for text in ("", "step,forget_kl\n"):
        path.write_text(text, encoding="utf-8")
        assert curves(tmp_path, [])[0]["runs"][0]["rows"] == []


def test_a_benchmark_has_a_curve_a_method_and_seed_with_whatever_losses(tmp_path: Path) -> None:
    write_benchmark(tmp_path, "tofu")
    runs = curves(tmp_path, ["tofu"])[1]["runs"]
    assert [(run["method"], run["seed"]) for run in runs][:2] == [("gradient_ascent", 0), ("gradient_ascent", 1)]
    assert set(runs[0]["rows"][0]) == {"step", "forget_nll", "retain_kl"}


def test_sweep_is_rows_of_numbers(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    assert sweep(tmp_path)["rows"][2]["names"] == 20.0


def test_rows_are_ordered_by_the_parameter_and_hold_what_was_measured() -> None:
    rows = sweep_rows(EXPERIMENTS, "teacher.names")
    assert rows == [
        {"names": 1, "forgotten": 0.5, "names_stand_in": 4},
        {"names": 20, "forgotten": 0.75, "names_stand_in": 0, "self_consistency": 0.2},
    ]


def test_no_experiment_with_the_parameter_is_an_error() -> None:
    with pytest.raises(InputError, match=r"teacher\.top_k.*dvc exp run --queue"):
        sweep_rows(EXPERIMENTS, "teacher.top_k")


def test_a_sweep_has_a_file_of_its_parameters_own_with_every_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.report.curves.finished_experiments", lambda prefix: EXPERIMENTS)
    assert "evaluation/names_sweep.csv: 2 experiments" in succeed("sweep", "teacher.names").output
    assert "a.csv: 2 experiments" in succeed("sweep", "teacher.names", "--output", "a.csv").output
    text = (tmp_path / "evaluation/names_sweep.csv").read_text()
    assert text == (tmp_path / "a.csv").read_text()
    assert text.splitlines() == ["names,forgotten,names_stand_in,self_consistency", "1,0.5,4,", "20,0.75,0,0.2"]
    assert [row["self_consistency"] for row in sweep(tmp_path)["rows"]] == [None, 0.2]


def test_experiments_outside_a_project_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^DVC can't list the experiments"):
        finished_experiments("names-")
