"""JSON-lines files whose every fault is told with its file and line."""

import json
from pathlib import Path
from typing import TypeVar

from pipeline.core.errors import InputError
from pipeline.core.files import read_text
from pipeline.core.validation import Checked, Fault


class Row(Checked):
    """An object of a JSON-lines file. An optional field may be null."""


R = TypeVar("R", bound=Row)


def read_jsonl(path: Path, row: type[R]) -> list[tuple[int, R]]:
    """The rows of ``path`` with the numbers of their lines.

    Raises InputError for a missing or empty file, broken JSON, and a missing, unknown or wrong field.
    """
    required = ", ".join(name for name, field in row.model_fields.items() if field.is_required())
    rows = []
    text = read_text(path, f"it with one JSON object a line ({required})")
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines would cut at what stands inside a string
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{place}, column {error.colno}: not valid JSON ({error.msg}).") from None
        if not isinstance(values, dict):
            raise InputError(f"{place}: must be a JSON object with the fields {required}.")
        rows.append((number, parse_row(row, values, place)))
    if not rows:
        raise InputError(f"{path} is empty; write one JSON object a line ({required}).")
    return rows


def parse_row(row: type[R], values: dict[str, object], place: str) -> R:
    """``values`` as a row. Raises InputError that begins with ``place``."""
    try:
        return row.read(values, show_value=False)
    except Fault as fault:
        key = f"{fault.key!r} " if fault.key else ""
        if fault.sentence in ("is unknown", "is missing"):
            key = f"the field {key}"
        fields = f"; the fields are {', '.join(row.model_fields)}" if fault.sentence == "is unknown" else ""
        raise InputError(f"{place}: {key}{fault.sentence}{fields}.") from None
