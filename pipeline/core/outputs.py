"""What a stage leaves to the next ones: where it lies, below the folder of dvc.yaml, and how it is written and read.

What is missing or broken is told with the command that makes it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import InputError, first_line

if TYPE_CHECKING:
    import pyarrow as pa

BASE_MODEL = Path("models/base")
STUDENT = Path("models/student")
PREPARED = Path("data/prepared")
ELICITED = Path("data/elicited")
TEACHER = Path("data/teacher")
EVALUATION = Path("evaluation")
CURVE_FILE = EVALUATION / "distill_curve.csv"
ORIGIN = "origin.json"  # in a folder: which commit of the hub it was brought from; see commit_of
_STAGES = {
    BASE_MODEL: "base",
    PREPARED: "prepare",
    ELICITED: "elicit",
    TEACHER: "teacher",
    STUDENT: "distill",
    CURVE_FILE: "distill",  # before its folder
    EVALUATION: "evaluate",
}


def command_for(path: Path) -> str:
    """What makes ``path``: an output of dvc.yaml, or what a benchmark leaves in benchmarks/results."""
    for folder, stage in _STAGES.items():
        if path.is_relative_to(folder):
            return f"dvc repro {stage}"
    match path.parts:
        case "benchmarks", "results", name, ("teacher" | "alternates") as output, method, *_:
            return f"python -m benchmarks.stages.{output} {name} {method}"
        case "benchmarks", "results", name, ("prepared" | "elicited" | "held_out") as output, *_:
            return f"python -m benchmarks.stages.{_STAGES.get(Path('data', output), output)} {name}"
        case "benchmarks", "results", name, _, *_:
            return f"nevermet benchmark {name}"
    return "dvc repro"


def check_folder(path: Path) -> None:
    """Raise InputError when the folder ``path``, which a stage leaves, is missing."""
    if not path.is_dir():
        raise InputError(f"{path} is missing; make it first ({command_for(path)}).")


def check_model(folder: Path) -> None:
    """Raise InputError when the model folder ``folder`` is missing or has no config; transformers would ask the hub for it."""
    check_folder(folder)
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no model (config.json); make it anew ({command_for(folder)}).")


def read_json_object(path: Path, command: str | None = None) -> dict[str, Any]:
    """A JSON object that a stage wrote. Raises InputError when it is missing, none, or can't be read."""
    command = command or command_for(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; make it first ({command}).") from None
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}); make it anew ({command}).") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON ({error}); make it anew ({command}).") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} must hold a JSON object; make it anew ({command}).")
    return value


def commit_of(folder: Path) -> str:
    """The commit of the hub that ``folder`` was brought from; empty where it came from elsewhere."""
    origin = folder / ORIGIN
    return str(read_json_object(origin).get("commit", "")) if origin.exists() else ""


@contextmanager
def readable_parquet(path: Path) -> Iterator[None]:
    """Raise InputError for a table that a stage wrote, when the block finds it missing or can't read it."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path} is missing; make it first ({command_for(path)}).") from None
    except (pa.ArrowException, OSError) as error:
        reason = first_line(error)
        raise InputError(f"{path} can't be read as Parquet ({reason}); make it anew ({command_for(path)}).") from None


def check_columns(path: Path, found: "pa.Schema", wanted: Sequence[str]) -> None:
    """Raise InputError unless the table ``path``, whose schema is ``found``, has the ``wanted`` columns."""
    for name in wanted:
        if name not in found.names:
            raise InputError(f"{path} lacks the column {name!r}; make it anew ({command_for(path)}).")


def read_parquet(path: Path, wanted: "pa.Schema | Sequence[str] | None" = None, *, may_be_empty: bool = True) -> "pa.Table":
    """A table that a stage wrote, or the ``wanted`` columns of it, in their types where these are given.

    Raises InputError when it is missing, can't be read, or lacks one of these columns, and where it has no row, unless it
    ``may_be_empty``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = wanted.names if isinstance(wanted, pa.Schema) else wanted
    with readable_parquet(path), pq.ParquetFile(path) as file:
        check_columns(path, file.schema_arrow, names or ())
        table = file.read(names and list(names))
        if not table.num_rows and not may_be_empty:
            raise InputError(f"{path} has no row; make it anew ({command_for(path)}).")
        return table.select(names).cast(wanted) if isinstance(wanted, pa.Schema) else table


def stream_parquet(path: Path, wanted: "pa.Schema", rows: int = 512) -> Iterator["pa.RecordBatch"]:
    """The same in pieces of ``rows``."""
    import pyarrow.parquet as pq

    with readable_parquet(path), pq.ParquetFile(path) as file:
        check_columns(path, file.schema_arrow, wanted.names)
        for batch in file.iter_batches(rows, columns=wanted.names):
            yield batch.select(wanted.names).cast(wanted)


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], schema: "pa.Schema | None" = None) -> None:
    """Write ``rows`` with the columns of ``schema``, or those that they have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), path, compression="zstd")
