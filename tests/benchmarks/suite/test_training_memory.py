"""The benchmark of a training step's memory runs on a small model."""

import subprocess
import sys

from tests.project import ROOT, environment


def test_every_way_of_training_is_a_row_with_its_ratio() -> None:
    command = [sys.executable, "benchmarks/training_memory.py", "--width", "128", "--layers", "1", "--steps", "1"]
    printed = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    _, head, _, first, second, *_ = printed.splitlines()
    assert head.startswith("| precision | gradient checkpointing | peak, GiB | bytes a weight | tokens a second |")
    assert first.startswith("| float32 | False |") and first.endswith("| 1.00, 1.00 |")
    assert second.startswith("| float32 | True |")
    for row in (first, second):
        peak, bytes_a_weight, rate = (float(cell) for cell in row.split("|")[3:6])
        assert peak > 0 and bytes_a_weight > 16 and rate > 0
