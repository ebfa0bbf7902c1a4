"""The answer rows of an evaluation as a Parquet file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.made import read_parquet


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``rows`` with the columns that they have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path, compression="zstd")


def read_rows(path: Path) -> list[dict[str, Any]] | None:
    """The rows at ``path``; None where there is no such file. Raises InputError when it can't be read."""
    return read_parquet(path).to_pylist() if path.exists() else None
