"""The script for a machine with a CUDA card runs whole on a tiny model, on whatever there is."""

import subprocess
import sys

import pytest

from benchmarks.speed.gpu import COLUMNS, Rate, cells
from tests.project import ROOT, environment


def test_every_kind_of_work_is_a_row() -> None:
    command = [sys.executable, "-m", "benchmarks.stages.gpu", "--tiny"]
    printed = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    head = f"| {' | '.join(COLUMNS)} |"
    before, _, table = printed.partition(head)
    assert "peak by a matrix product of 256 in float32" in before
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    float32 = [row for row in rows if row[1] == "float32"]
    assert {row[2] for row in float32} == {"score", "distill", "distill, gradient checkpointing"}
    assert all(float(row[3]) > 0 and row[4].endswith("%") for row in float32)


@pytest.mark.parametrize(("work", "share"), [("score", "10%"), ("distill", "30%")])
def test_share_counts_two_operations_a_weight_and_token_or_six(work: str, share: str) -> None:
    assert cells(Rate(50.0, 16 * 2**30), 2**30, work, 1000.0 * 2**30) == f"50 | {share} | 16.0 | 16.0 |"


def test_what_could_not_be_measured_has_its_reason() -> None:
    assert cells("out of memory", 1, "score", 1.0) == "out of memory | | | |"
