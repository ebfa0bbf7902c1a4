"""The teacher's work folder: finished shards survive a crash, and count as finished by their hash.

It lies outside DVC's outputs and is named by the fingerprint of all that determines the shards, so a run takes up only what
it would have written itself.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from pipeline.fingerprint import file_sha256
from pipeline.publish import room_on_disk, work_folder, write_json


class ShardWork:
    """Shards being made for one fingerprint."""

    def __init__(self, fingerprint: str, root: Path | None = None) -> None:
        self.folder = (root or work_folder()) / f"teacher-{fingerprint[:16]}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, index: int) -> Path:
        """Where shard ``index`` lies when it is finished."""
        return self.folder / f"shard-{index:05d}.parquet"

    def _marker(self, index: int) -> Path:
        return self.folder / f"shard-{index:05d}.done.json"

    def is_done(self, index: int) -> bool:
        """Whether shard ``index`` is finished: its marker holds the hash that the file has."""
        path, marker = self.path(index), self._marker(index)
        if not path.exists() or not marker.exists():
            return False
        try:
            return bool(json.loads(marker.read_text(encoding="utf-8"))["sha256"] == file_sha256(path))
        except (ValueError, KeyError):
            return False

    def write(self, index: int, write: Callable[[Path], None]) -> None:
        """Let ``write`` fill a file beside, then rename it to the shard's place and mark it finished."""
        path = self.path(index)
        partial = path.with_suffix(".partial")
        try:
            with room_on_disk(path):
                write(partial)
            partial.replace(path)
            write_json(self._marker(index), {"sha256": file_sha256(path)})
        finally:
            partial.unlink(missing_ok=True)

    def copy_shards(self, folder: Path, count: int) -> None:
        """Copy the finished shards into ``folder``."""
        for index in range(count):
            shutil.copyfile(self.path(index), folder / self.path(index).name)

    def remove(self) -> None:
        """Drop the folder, once its shards are published."""
        shutil.rmtree(self.folder, ignore_errors=True)
