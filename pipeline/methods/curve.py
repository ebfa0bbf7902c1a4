"""A method's training curve as a table: whatever columns its loss has, a row an optimizer step."""

import csv
import io
from pathlib import Path

from pipeline.methods.interface import Curve
from pipeline.publish import write_text


def write_curve(curve: Curve, path: Path) -> None:
    """Columns in the order in which they first occur; what a step does not have is left empty. No step, no rows."""
    columns = list(dict.fromkeys(key for row in curve for key in row)) or ["step"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in curve)
    write_text(path, text.getvalue())
