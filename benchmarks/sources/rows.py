"""Rows of a benchmark, from the Hugging Face hub or from a local folder, and their way into the project's tables.

The fields have the names that they have on the hub. ``datasets`` reads the hub alone: its readers of local files tell a fault
without its line and column, so that the file could not be mended.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

from pipeline.core.errors import InputError, ParamError
from pipeline.core.files import read_text
from pipeline.core.jsonl import Row, json_lines, parse_json, parse_row
from pipeline.prepare.targets import ChatRow, Target
from pipeline.text.segments import mentions

_ENDINGS = (".jsonl", ".json", ".parquet")
R = TypeVar("R", bound=Row)


class QuestionRow(ChatRow):
    """A question with the same in other words, and wrong answers, where a benchmark has them."""

    paraphrased_question: str | None = None
    paraphrased_answer: str | None = None
    perturbed_answer: tuple[str, ...] = ()


def read_rows(hub_id: str, name: str, path: str, row: type[R], file: str = "") -> list[R]:
    """The rows of ``name``: a file of that name in the folder ``path``, or, where it is empty, a configuration of ``hub_id``.

    ``file`` is the file's name where the configuration's is another. Field names are made lower case, since copies of one
    benchmark differ in it; a field that ``row`` lacks is passed over. Texts come in Unicode's composed form (NFC), since one
    benchmark has both, and a name would be found in one of them alone.
    Raises InputError for rows that are missing, can't be read, or do not fit ``row``.
    """
    required = [field for field, facts in row.model_fields.items() if facts.is_required()]
    rows = []
    for place, values in _read_folder(file or name, path) if path else _read_hub(hub_id, name):
        if not isinstance(values, Mapping):
            raise InputError(f"{place}: must be an object with the fields {', '.join(required)}.")
        lower = {str(field).lower(): _composed(value) for field, value in values.items()}
        rows.append(parse_row(row, {field: lower[field] for field in row.model_fields if field in lower}, place))
    if not rows:
        where = Path(path, file or name) if path else f"{hub_id} ({name})"
        raise InputError(f"{where} has no rows; it must have at least one.")
    return rows


def _composed(value: Any) -> Any:
    if isinstance(value, list):
        return [_composed(one) for one in value]
    return normalize("NFC", value) if isinstance(value, str) else value


def has_rows(hub_id: str, name: str, path: str) -> bool:
    """Whether the folder ``path``, or the hub where it is empty, has ``name``. Raises InputError as ``read_rows`` does."""
    if path:
        return _file(name, path) is not None
    with _hub(hub_id, name) as datasets:
        return name in datasets.get_dataset_config_names(hub_id)


def origin(hub_id: str, path: str) -> dict[str, str]:
    """What rows of the hub came from, as ``Source.origin`` has it; nothing for rows of the folder ``path``."""
    return {} if path else {"source": hub_id, "commit": _hub_commit(hub_id)}


@cache
def _hub_commit(hub_id: str) -> str:
    """The commit that ``hub_id`` stands for in this process, or what ``datasets`` knows a copy on this machine by."""
    with _hub(hub_id, "its configurations") as datasets:
        first, *_ = datasets.get_dataset_config_names(hub_id)
        return str(datasets.load_dataset_builder(hub_id, first).hash)


def question_row(split: str, target: str | None, row: QuestionRow) -> dict[str, Any]:
    """A row of the questions table. A wrong answer that is the right one, or stands there twice, is dropped."""
    return {
        "split": split,
        "target": target,
        "question": row.question,
        "answer": row.answer,
        "wrong_answers": [text for text in dict.fromkeys(row.perturbed_answer) if text and text != row.answer],
        "paraphrased_question": row.paraphrased_question or None,
        "paraphrased_answer": row.paraphrased_answer or None,
    }


def chosen(targets: Sequence[Target], wanted: Collection[str], subset: str) -> list[Target]:
    """Those of ``targets`` that ``wanted`` names (all, where it is empty), ``apart``. Raises ParamError for an unknown name."""
    names = [target.name for target in targets]
    for name in wanted:
        if name not in names:
            raise ParamError(
                f"prepare.targets names {name!r}, which {subset} lacks; leave it empty for all, or choose from "
                f"{', '.join(names)}."
            )
    return apart([target for target in targets if not wanted or target.name in wanted])


def apart(targets: Sequence[Target]) -> list[Target]:
    """``targets`` without the surface forms that stand inside a form of another target, so that each mention is of one.

    A benchmark's texts are not the user's to rewrite, so what goes is the part of a name; full names stay.
    """

    def own_forms(target: Target) -> tuple[str, ...]:
        others = [form for other in targets if other is not target for form in other.surface_forms]
        shared = {form for form in target.surface_forms if any(mentions(other, (form,)) for other in others)}
        return tuple(form for form in target.surface_forms if form == target.name or form not in shared)

    return [replace(target, surface_forms=own_forms(target)) for target in targets]


def _file(name: str, path: str) -> Path | None:
    folder = Path(path)
    if not folder.is_dir():
        raise ParamError(
            f"prepare.path is {path!r}, which is no folder; name one that holds {name}.jsonl, .json or .parquet, or leave it "
            "empty to read from the hub."
        )
    return next((file for ending in _ENDINGS if (file := folder / f"{name}{ending}").is_file()), None)


def _read_folder(name: str, path: str) -> Iterator[tuple[str, Any]]:
    """What stands in the first file that the folder ``path`` has of ``name``, each value after the place where it stands."""
    import polars as pl

    file = _file(name, path)
    if file is None:
        names = ", ".join(f"{name}{ending}" for ending in _ENDINGS)
        raise InputError(f"{Path(path)} (prepare.path) has none of {names}; put one of them there, with the hub's own fields.")
    unit = "row"
    numbered: Iterator[tuple[int, Any]]
    if file.suffix == ".parquet":
        try:
            numbered = enumerate(pl.read_parquet(file).to_dicts(), start=1)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InputError(f"{file} can't be read as Parquet ({_first_line(error)}).") from None
    elif (text := read_text(file, "the benchmark's rows")).lstrip().startswith("["):
        numbered = enumerate(parse_json(text, file), start=1)
    else:
        unit, numbered = "line", json_lines(text, file)
    return ((f"{file}, {unit} {number}", values) for number, values in numbered)


def _read_hub(hub_id: str, name: str) -> Iterator[tuple[str, Any]]:
    """As ``_read_folder``, of the one split that a benchmark's configurations have, whatever it is called."""
    with _hub(hub_id, name) as datasets:
        (split,) = datasets.load_dataset(hub_id, name, revision=_hub_commit(hub_id)).values()
        rows = split.to_list()
    return ((f"{hub_id} ({name}), row {number}", values) for number, values in enumerate(rows, start=1))


@contextmanager
def _hub(hub_id: str, name: str) -> Iterator[Any]:
    """The package ``datasets``. An error below may be its own, the hub's client's or a network library's."""
    try:
        import datasets

        yield datasets
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{hub_id} ({name}) can't be read from the Hugging Face hub ({_first_line(error)}); look at the package "
            f"datasets and the network, or let prepare.path name a local folder that holds {name}.jsonl, .json or .parquet."
        ) from None


def _first_line(error: Exception) -> str:
    """The kind of ``error`` and the first line of its message, without the stop that would end our sentence."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0].rstrip(' .')}".rstrip(": ")
