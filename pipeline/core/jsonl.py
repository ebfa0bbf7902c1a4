"""JSON-lines files whose every fault is told with its file and line."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.errors import InputError
from pipeline.core.files import read_text
from pipeline.core.validation import Checked, Fault


class Row(Checked):
    """An object of a JSON-lines file. An optional field may be null."""


R = TypeVar("R", bound=Row)


def read_jsonl(path: Path, row: type[R]) -> list[tuple[int, R]]:
    """The rows of ``path`` with the numbers of their lines.

    Raises InputError for a missing or empty file, broken JSON, and a missing, unknown, wrong or repeated field.
    """
    required = ", ".join(name for name, field in row.model_fields.items() if field.is_required())
    rows = []
    for number, values in json_lines(read_text(path, f"it with one JSON object a line ({required})"), path):
        place = f"{path}, line {number}"
        if not isinstance(values, dict):
            raise InputError(f"{place}: must be a JSON object with the fields {required}.")
        rows.append((number, parse_row(row, values, place)))
    if not rows:
        raise InputError(f"{path} is empty; write one JSON object a line ({required}).")
    return rows


def json_lines(text: str, path: Path) -> Iterator[tuple[int, Any]]:
    """The values in the lines of ``text``, which is that of ``path``, with the lines' numbers; blank lines are passed over."""
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines would cut at what stands inside a string
        if line.strip():
            yield number, parse_json(line, path, number)


def parse_json(text: str, path: Path, first_line: int = 1) -> Any:
    """The value of ``text``, which begins at ``first_line`` of ``path``. Raises InputError with line and column.

    A key that stands twice in an object is a fault too, since all but the last would be passed over.
    """
    place = f"{path}" if "\n" in text else f"{path}, line {first_line}"

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
            raise InputError(f"{place}: the key {key!r} stands twice in one object; remove one.")
        return values

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise InputError(f"{path}, line {line}, column {error.colno}: not valid JSON ({error.msg}).") from None
    except RecursionError:
        raise InputError(f"{place}: brackets stand too deep in each other to be read; take some away.") from None
    except ValueError:
        raise InputError(f"{place}: a number has too many digits to be read; shorten it.") from None


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
