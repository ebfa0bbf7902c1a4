"""How a teacher folder is read: checked whole by its manifest, then passages, and shards through Arrow's flat buffers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import InputError
from pipeline.core.files import file_sha256, json_fingerprint
from pipeline.core.outputs import check_model, command_for, read_json_object, read_parquet, readable_parquet
from pipeline.model.folder import model_fingerprint, tokenizer_fingerprint
from pipeline.shards.schema import FOOTER_KEY, FORMAT_VERSION, MANIFEST, PASSAGES, SHARD_SCHEMA, SHARDS


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a teacher folder, in order. Raises InputError when there is none."""
    paths = sorted(folder.glob(SHARDS))
    if not paths:
        raise InputError(f"{folder} holds no {SHARDS}; make them first ({command_for(folder)}).")
    return paths


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a teacher folder. Raises InputError when it is missing, broken or of another format version."""
    path = folder / MANIFEST
    manifest = read_json_object(path)
    if manifest.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {manifest.get('format_version')}, not {FORMAT_VERSION}; make the shards anew "
            f"({command_for(folder)})."
        )
    return manifest


def open_shards(folder: Path, model: Path | None = None) -> dict[str, Any]:
    """The manifest of a teacher folder that is as the teacher left it, made with ``model``: the door for all that reads one.

    The manifest and every file in it have the bytes that were written, no other shard is there, every footer says what the
    manifest says, and every passage is there once, in order. Raises InputError for the first that is not so, and for a missing
    or other ``model``. Reads every file once.
    """
    manifest = read_manifest(folder)
    without = {key: value for key, value in manifest.items() if key != "fingerprint"}
    if json_fingerprint(without) != manifest.get("fingerprint"):
        raise Tampered(folder / MANIFEST, "it was changed after it had been written")
    check_files(folder, manifest)
    if model:
        check_model(model)
        for what, fingerprint in (("model", model_fingerprint), ("tokenizer", tokenizer_fingerprint)):
            if manifest[f"{what}_fingerprint"] != fingerprint(model):
                raise Tampered(folder / MANIFEST, f"the shards were made with another {what} than the one in {model}")
    return manifest


class Tampered(InputError):
    """A part of a teacher folder that is not as the teacher left it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; bring back what was there, or make it anew ({command_for(path.parent)}).")


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise Tampered unless the files in ``folder`` are those of ``manifest``."""
    shards, written = shard_paths(folder), manifest["files"]
    found = {path.name: path for path in (*shards, folder / PASSAGES) if path.is_file()}
    for name in sorted({*written, *found}):
        if name not in written:
            raise Tampered(found[name], f"{MANIFEST} does not know it")
        if name not in found:
            raise Tampered(folder / name, f"{MANIFEST} has it, but it is missing")
        if file_sha256(found[name]) != written[name]:
            raise Tampered(found[name], f"its bytes are not those whose hash {MANIFEST} has")
    last, column = -1, SHARD_SCHEMA.get_field_index("passage")
    for path in shards:
        with readable_parquet(path):
            metadata = pq.read_metadata(path)
        facts = json.loads(metadata.metadata[FOOTER_KEY])
        if different := [key for key in facts if manifest.get(key) != facts[key]]:
            raise Tampered(path, f"its footer says another {different[0]!r} than {MANIFEST}")
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            if statistics := group.num_rows and group.column(column).statistics:
                if statistics.min <= last:
                    raise Tampered(path, f"passage {statistics.min} is there twice, or out of order")
                last = statistics.max
    numbers = read_parquet(folder / PASSAGES, ["passage"])["passage"].to_pylist()
    if numbers != list(range(len(numbers))) or last >= len(numbers):
        raise Tampered(folder / PASSAGES, "it does not hold every passage once, in order")


@dataclass(frozen=True)
class PassageTargets:
    """What distillation reads of one passage: T positions with K kept tokens each."""

    passage: int
    kind: str
    positions: np.ndarray  # int32 [T]
    ids: np.ndarray  # int32 [T, K]
    logprobs: np.ndarray  # float32 [T, K], nats
    tail_logprob: np.ndarray  # float32 [T], nats


def row_groups(folder: Path) -> list[tuple[Path, int]]:
    """Every row group of the shards in ``folder``, in order: the smallest part that can be read by itself."""
    groups = []
    for path in shard_paths(folder):
        with readable_parquet(path):
            groups += [(path, group) for group in range(pq.read_metadata(path).num_row_groups)]
    return groups


def read_targets(path: Path, group: int | None = None) -> Iterator[PassageTargets]:
    """The passages of one row group of a shard, or of all, read through Arrow's flat buffers, never through Python lists.

    K is the same within a passage; beside hard targets, whose K is 1, a retain passage has its own.
    """
    columns = ["kind", "passage", "position", "teacher_ids", "teacher_logprobs", "tail_logprob"]
    with readable_parquet(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        groups = range(file.num_row_groups) if group is None else [group]
        table = file.read_row_groups(list(groups), columns).combine_chunks()
    if not table.num_rows:
        return
    numbers, positions, tails = (table[column].to_numpy() for column in ("passage", "position", "tail_logprob"))
    offsets, ids = _lists(table["teacher_ids"])
    _, logprobs = _lists(table["teacher_logprobs"])
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
        rows, kept, shape = slice(start, end), slice(offsets[start], offsets[end]), (end - start, -1)
        yield PassageTargets(
            int(numbers[start]),
            str(table["kind"][start].as_py()),
            positions[rows],
            ids[kept].reshape(shape),
            logprobs[kept].reshape(shape).astype(np.float32),
            tails[rows],
        )


def _lists(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """A list column of one chunk: where each row's list starts (and the last ends), and all lists one after the other."""
    lists = column.chunk(0)
    return lists.offsets.to_numpy(), lists.values.to_numpy()


def read_input_ids(teacher: Path) -> dict[int, np.ndarray]:
    """Token ids of every passage as the student reads it: prompt prefix and original text."""
    table = read_parquet(teacher / PASSAGES, ["passage", "input_ids"]).combine_chunks()
    offsets, ids = _lists(table["input_ids"])
    return {number: ids[offsets[row] : offsets[row + 1]] for row, number in enumerate(table["passage"].to_pylist())}
