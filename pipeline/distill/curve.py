"""The training curve as a table DVC can draw."""

import csv
import io
import statistics
from collections.abc import Sequence
from pathlib import Path

from pipeline.paths import CURVE_FILE
from pipeline.publish import write_text

_COLUMNS = ("step", "epoch", "learning_rate", "grad_norm", "forget_kl", "retain_kl")


def write_curve(curve: Sequence[dict[str, float]], path: Path = CURVE_FILE) -> None:
    """One row a step; a loss that a step does not have is left empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in curve)
    write_text(path, text.getvalue())


def epoch_mean(curve: Sequence[dict[str, float]], epoch: int, key: str) -> float:
    """Mean of ``key`` over the steps of ``epoch`` that have it, in nats; NaN when none has."""
    values = [row[key] for row in curve if row["epoch"] == epoch and key in row]
    return statistics.fmean(values) if values else float("nan")
