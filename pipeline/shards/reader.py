"""How a teacher folder is read: its manifest, its passages, and its shards through Arrow's flat buffers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import InputError
from pipeline.core.outputs import check_model, command_for, read_json_object, read_parquet, readable_parquet
from pipeline.model.folder import model_fingerprint, tokenizer_fingerprint
from pipeline.shards.schema import FORMAT_VERSION, MANIFEST, PASSAGES

if TYPE_CHECKING:
    import pyarrow as pa


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a teacher folder, in order. Raises InputError when there is none."""
    paths = sorted(folder.glob("shard-*.parquet"))
    if not paths:
        raise InputError(f"{folder} holds no shard-*.parquet; make them first ({command_for(folder)}).")
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
    import pyarrow.parquet as pq

    groups = []
    for path in shard_paths(folder):
        with readable_parquet(path):
            groups += [(path, group) for group in range(pq.read_metadata(path).num_row_groups)]
    return groups


def read_targets(path: Path, group: int | None = None) -> Iterator[PassageTargets]:
    """The passages of one row group of a shard, or of all, read through Arrow's flat buffers, never through Python lists.

    K is the same within a passage; beside hard targets, whose K is 1, a retain passage has its own.
    """
    import pyarrow.parquet as pq

    columns = ["kind", "passage", "position", "teacher_ids", "teacher_logprobs", "tail_logprob"]
    with readable_parquet(path), pq.ParquetFile(path) as file:
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


def _lists(column: "pa.ChunkedArray") -> tuple[np.ndarray, np.ndarray]:
    """A list column of one chunk: where each row's list starts (and the last ends), and all lists one after the other."""
    lists = column.chunk(0)
    return lists.offsets.to_numpy(), lists.values.to_numpy()


def check_same_model(teacher: Path, model: Path) -> None:
    """Raise InputError when ``model`` is missing, or the shards were made with another model or tokenizer than its own."""
    check_model(model)
    manifest = read_manifest(teacher)
    for what, fingerprint in (("model", model_fingerprint), ("tokenizer", tokenizer_fingerprint)):
        if manifest[f"{what}_fingerprint"] != fingerprint(model):
            raise InputError(
                f"{teacher}/manifest.json: the shards were made with another {what} than the one in {model}; make them anew "
                f"({command_for(teacher)}), or bring that model back."
            )


def read_input_ids(teacher: Path) -> dict[int, np.ndarray]:
    """Token ids of every passage as the student reads it: prompt prefix and original text."""
    table = read_parquet(teacher / PASSAGES, ["passage", "input_ids"]).combine_chunks()
    offsets, ids = _lists(table["input_ids"])
    return {number: ids[offsets[row] : offsets[row + 1]] for row, number in enumerate(table["passage"].to_pylist())}
