"""Curves of methods whose losses have different columns."""

from pathlib import Path

import polars as pl

from pipeline.train.loop import write_curve


def test_columns_are_those_that_occur_and_gaps_stay_empty(tmp_path: Path) -> None:
    write_curve([{"step": 0, "forget_nll": 2.5}, {"step": 1, "retain_nll": 1.25}], tmp_path / "run" / "curve.csv")
    table = pl.read_csv(tmp_path / "run" / "curve.csv")
    assert table.to_dicts() == [
        {"step": 0, "forget_nll": 2.5, "retain_nll": None},
        {"step": 1, "forget_nll": None, "retain_nll": 1.25},
    ]


def test_no_step_gives_a_table_without_rows(tmp_path: Path) -> None:
    write_curve([], tmp_path / "curve.csv")
    assert pl.read_csv(tmp_path / "curve.csv").shape == (0, 1)
