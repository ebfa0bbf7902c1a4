"""JSON-lines files whose every fault is told with its file and line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.textfile import read_text


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)


def _is_chat(value: Any) -> bool:
    parts = {"question", "answer"}
    return isinstance(value, dict) and set(value) == parts and _is_strings([value["question"], value["answer"]])


def _check_field(value: Any, kind: str, place: str) -> None:
    if kind == "string":
        fits = isinstance(value, str) and bool(value.strip())
    elif kind == "list of strings":
        fits = _is_strings(value)
    elif kind == "list of chats":
        fits = isinstance(value, list) and all(_is_chat(item) for item in value)
    else:
        fits = isinstance(value, dict) and all(map(_is_strings, value.values()))
    if not fits:
        told = 'list of objects with "question" and "answer"' if kind == "list of chats" else kind
        raise InputError(f"{place} must be a non-empty {told}.")


def read_jsonl(path: Path, required: Mapping[str, str], optional: Mapping[str, str]) -> list[tuple[int, dict[str, Any]]]:
    """Rows of ``path`` as (line number, object), checked against the fields' kinds.

    ``required`` and ``optional`` map a field to "string", "list of strings", "object of lists of strings" or "list of
    chats"; an optional field may be null. Raises InputError for a missing or empty file, broken JSON, and a missing, unknown
    or wrong field.
    """
    text = read_text(path, f"it with one JSON object a line ({', '.join(required)})")
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{place}, column {error.colno}: not valid JSON ({error.msg}).") from None
        if not isinstance(row, dict):
            raise InputError(f"{place}: must be a JSON object with the fields {', '.join(required)}.")
        for key in required:
            if key not in row:
                raise InputError(f"{place}: the field {key!r} is missing.")
        for key, value in row.items():
            kind = required.get(key) or optional.get(key)
            if kind is None:
                fields = ", ".join([*required, *optional])
                raise InputError(f"{place}: the field {key!r} is unknown; the fields are {fields}.")
            if value is None and key in optional:
                continue
            _check_field(value, kind, f"{place}: {key!r}")
        rows.append((number, row))
    if not rows:
        raise InputError(f"{path} is empty; write one JSON object a line ({', '.join(required)}).")
    return rows
