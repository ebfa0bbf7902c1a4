"""Experiments over one parameter as a table."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.sweep import sweep_rows, write_sweep
from tests.project import succeed

EXPERIMENTS = [
    {"Experiment": "names-20", "teacher.names": 20, "forgotten": 0.75, "names_stand_in": 0, "self_consistency": 0.2},
    {"Experiment": "names-1", "teacher.names": 1, "forgotten": 0.5, "names_stand_in": 4, "self_consistency": float("nan")},
    {"Experiment": "other", "teacher.names": None, "forgotten": 0.7},
]


def test_rows_are_ordered_by_the_parameter_and_hold_what_was_measured() -> None:
    rows = sweep_rows(EXPERIMENTS, "teacher.names")
    assert rows == [
        {"names": 1, "forgotten": 0.5, "names_stand_in": 4},
        {"names": 20, "forgotten": 0.75, "names_stand_in": 0, "self_consistency": 0.2},
    ]


def test_no_experiment_with_the_parameter_is_told() -> None:
    with pytest.raises(InputError, match=r"teacher\.top_k.*dvc exp run --queue"):
        sweep_rows(EXPERIMENTS, "teacher.top_k")


def test_the_table_has_every_column(tmp_path: Path) -> None:
    write_sweep(tmp_path / "sweep.csv", sweep_rows(EXPERIMENTS, "teacher.names"))
    header, first, second = (tmp_path / "sweep.csv").read_text().splitlines()
    assert header.split(",")[0] == "names" and "self_consistency" in header
    assert first.startswith("1,0.5,4") and second.startswith("20,0.75,0,0.2")


def test_a_sweep_has_a_file_of_its_parameters_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.sweep.finished_experiments", lambda prefix: EXPERIMENTS)
    assert "docs/names_sweep.csv: 2 experiments" in succeed("sweep", "teacher.names").output
    assert "a.csv: 2 experiments" in succeed("sweep", "teacher.names", "--output", "a.csv").output
    assert (tmp_path / "docs/names_sweep.csv").read_text() == (tmp_path / "a.csv").read_text()
