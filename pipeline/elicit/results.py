"""answers.parquet: every answer with its verdict, for a person to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("target", "subject", "kind", "question", "answer", "verdict")


def write_answers(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write one row an answer as Parquet, also when there is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(column, pa.string()) for column in COLUMNS])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, compression="zstd")
