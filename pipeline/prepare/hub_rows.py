"""Rows of a benchmark, from the Hugging Face hub or from a local folder, and their way into the project's tables.

The fields have the names that they have on the hub. A fault in a row is told with its file and line, so that a local copy can
be mended; a local folder needs no ``datasets``.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, ParamError
from pipeline.prepare.targets import Target
from pipeline.segments import mentions

_ENDINGS = (".jsonl", ".json", ".parquet")


def read_rows(
    hub_id: str, name: str, path: str, required: Collection[str], lists: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The rows of ``name``: a file of that name in the folder ``path``, or, where it is empty, a configuration of ``hub_id``.

    Field names are made lower case, since copies of one benchmark differ in it. Every row must have the ``required`` fields,
    each a text; the fields in ``lists``, which may be missing unless they are required too, are lists of texts. Raises
    InputError for a folder or file that is missing or broken, a hub that can't be read, a file without rows, and a row without
    a field.
    """
    rows = []
    for place, row in _read_folder(name, Path(path)) if path else _read_hub(hub_id, name):
        if not isinstance(row, Mapping):
            raise InputError(f"{place}: must be an object with the fields {', '.join(required) or 'of the benchmark'}.")
        row = {str(field).lower(): value for field, value in row.items()}
        for field in dict.fromkeys([*required, *lists]):
            if row.get(field) is None:
                if field not in required:
                    continue
                raise InputError(f"{place}: the field {field!r} is missing; the fields must be {', '.join(required)}.")
            if field in lists:
                if not isinstance(row[field], list) or not all(isinstance(item, str) for item in row[field]):
                    raise InputError(f"{place}: {field!r} must be a list of strings.")
            elif not isinstance(row[field], str) or not row[field].strip():
                raise InputError(f"{place}: {field!r} must be a non-empty string.")
        rows.append(row)
    if not rows:
        raise InputError(f"{Path(path) / name if path else f'{hub_id} ({name})'} has no rows; it must have at least one.")
    return rows


def has_rows(hub_id: str, name: str, path: str) -> bool:
    """Whether the folder ``path``, or the hub where it is empty, has ``name``. Raises InputError as ``read_rows`` does."""
    if path:
        return any(file.is_file() for file in _candidates(name, Path(path)))
    library = _datasets(hub_id, name)
    try:
        return name in library.get_dataset_config_names(hub_id)
    except Exception as error:
        raise _unreachable(hub_id, name, error) from None


def question_row(split: str, target: str | None, row: Mapping[str, Any], wrong: Sequence[str] = ()) -> dict[str, Any]:
    """A row of the questions table. A wrong answer that is the right one, or stands there twice, is dropped."""
    answer = row["answer"].strip()
    distinct = dict.fromkeys(text.strip() for text in wrong)
    return {
        "split": split,
        "target": target,
        "question": row["question"].strip(),
        "answer": answer,
        "wrong_answers": [text for text in distinct if text and text != answer],
        "paraphrased_question": _text_or_none(row.get("paraphrased_question")),
        "paraphrased_answer": _text_or_none(row.get("paraphrased_answer")),
    }


def chosen(targets: Sequence[Target], wanted: Collection[str], subset: str) -> list[Target]:
    """Those of ``targets`` that ``wanted`` names, or all where it is empty. Raises InputError for a name of none of them."""
    names = {target.name for target in targets}
    for name in wanted:
        if name not in names:
            raise ParamError(
                f"prepare.targets names {name!r}, which {subset} lacks; leave it empty for all, or choose from "
                f"{', '.join(target.name for target in targets)}."
            )
    return [target for target in targets if not wanted or target.name in wanted]


def apart(targets: Sequence[Target]) -> list[Target]:
    """``targets`` without the surface forms that stand inside a form of another target, so that each mention is of one.

    A benchmark's texts are not the user's to rewrite, so what goes is the part of a name; full names stay.
    """

    def is_apart(form: str, target: Target) -> bool:
        others = [written for other in targets if other is not target for written in other.surface_forms]
        return not any(mentions(written, (form,)) for written in others)

    return [
        replace(target, surface_forms=tuple(f for f in target.surface_forms if f == target.name or is_apart(f, target)))
        for target in targets
    ]


def _text_or_none(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _candidates(name: str, folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ParamError(
            f"prepare.path is {str(folder)!r}, which is no folder; name one that holds {name}.jsonl, .json or "
            ".parquet, or leave it empty to read from the hub."
        )
    return [folder / f"{name}{ending}" for ending in _ENDINGS]


def _read_folder(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """(place, row) of the first file that ``folder`` has of ``name``."""
    files = _candidates(name, folder)
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise InputError(
            f"{folder} (prepare.path) has none of {', '.join(file.name for file in files)}; put one of them there, with the "
            "hub's own fields."
        )
    if file.suffix == ".parquet":
        yield from _read_parquet(file)
        return
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{file}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}).") from None
        yield from ((f"{file}, row {number}", row) for number, row in enumerate(rows, start=1))
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"{file}, line {number}", json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{file}, line {number}, column {error.colno}: not valid JSON ({error.msg}).") from None


def _read_parquet(file: Path) -> Iterator[tuple[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(file).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} can't be read as Parquet ({_first_line(error)}).") from None
    yield from ((f"{file}, row {number}", row) for number, row in enumerate(rows, start=1))


def _read_hub(hub_id: str, name: str) -> Iterator[tuple[str, Any]]:
    """(place, row) of the one split that a benchmark's configurations have."""
    library = _datasets(hub_id, name)
    try:
        rows = library.load_dataset(hub_id, name, split="train").to_list()
    except Exception as error:
        raise _unreachable(hub_id, name, error) from None
    yield from ((f"{hub_id} ({name}), row {number}", row) for number, row in enumerate(rows, start=1))


def _datasets(hub_id: str, name: str) -> Any:
    try:
        import datasets  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise InputError(
            f"{hub_id} ({name}) can't be read from the hub without the package datasets ({_first_line(error)}); install it, or "
            f"let prepare.path name a local folder that holds {name}.jsonl, .json or .parquet."
        ) from None
    return datasets


def _unreachable(hub_id: str, name: str, error: Exception) -> InputError:
    """What to say for ``error``, which may be of ``datasets``, of the hub's client or of its network library."""
    return InputError(
        f"{hub_id} ({name}) can't be read from the Hugging Face hub ({_first_line(error)}); look at the network, or let "
        f"prepare.path name a local folder that holds {name}.jsonl, .json or .parquet."
    )


def _first_line(error: Exception) -> str:
    """The kind of ``error`` and the first line of its message, without the stop that would end our sentence."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0].rstrip(' .')}".rstrip(": ")
