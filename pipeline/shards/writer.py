"""How shards are written: list columns from flat arrays, BYTE_STREAM_SPLIT and zstd; the same inputs give the same bytes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.files import file_sha256, json_fingerprint, write_json
from pipeline.shards.schema import FOOTER_KEY, MANIFEST, SHARD_SCHEMA, shard_name

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_FLOATS = ["tail_logprob", "entropy", "disagreement", "swapped_mass"]


@dataclass(frozen=True)
class TaughtPassage:
    """The teacher's distribution at the T trained positions of a passage: K tokens and the tail. In nats."""

    positions: np.ndarray  # int32 [T], into the original's input_ids, ascending
    ids: np.ndarray  # int32 [T, K], most probable first, ties by id
    logprobs: np.ndarray  # float64 [T, K]
    tail_logprob: np.ndarray  # float64 [T], as the next three
    entropy: np.ndarray
    disagreement: np.ndarray  # mean KL of the names' distributions from the average
    swapped_mass: np.ndarray  # mean over names


def passage_table(
    number: int, target: str, kind: str, input_ids: Sequence[int], taught: TaughtPassage, tokenizer: "PreTrainedTokenizerBase"
) -> pa.Table:
    """The rows of one passage; ``input_ids`` are those that the student reads."""
    rows, top_k = taught.ids.shape
    tokens, next_ids = ([input_ids[position + after] for position in taught.positions] for after in (0, 1))
    offsets = pa.array(np.arange(0, rows * top_k + 1, top_k, dtype=np.int32))
    columns = [
        pa.array([target] * rows, pa.string()).dictionary_encode(),
        pa.array([kind] * rows, pa.string()).dictionary_encode(),
        pa.array([number] * rows, pa.int32()),
        pa.array(taught.positions, pa.int32()),
        pa.array([tokenizer.decode([token]) for token in tokens], pa.string()),
        pa.array([tokenizer.decode([token]) for token in next_ids], pa.string()),
        pa.array(next_ids, pa.int32()),
        pa.ListArray.from_arrays(offsets, pa.array(taught.ids.ravel(), pa.int32())),
        pa.ListArray.from_arrays(offsets, pa.array(taught.logprobs.ravel().astype(np.float16), pa.float16())),
        *(pa.array(getattr(taught, name).astype(np.float32), pa.float32()) for name in _FLOATS),
    ]
    return pa.Table.from_arrays(columns, schema=SHARD_SCHEMA)


def write_shards(folder: Path, parts: Iterable[pa.Table], facts: Mapping[str, Any], shard_bytes: float) -> None:
    """Write ``parts`` in order as shards, a row group each, with ``facts`` (a JSON object) in every footer.

    A shard is full when it exceeds ``shard_bytes``; there is one at least. One part is in memory at a time.
    """
    footer = {FOOTER_KEY: json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()}
    split = ["teacher_ids.list.element", "teacher_logprobs.list.element", *_FLOATS]
    settings: dict[str, Any] = {
        "compression_level": 12,
        "use_dictionary": ["target", "kind", "token", "next_token"],
        "column_encoding": dict.fromkeys(split, "BYTE_STREAM_SPLIT"),
        "write_statistics": ["passage", "position"],
    }
    remaining, schema = iter(parts), SHARD_SCHEMA.with_metadata(footer)
    first = next(remaining, schema.empty_table())
    for index in count():
        path = folder / shard_name(index)
        write_row_groups(path, chain([first], _until(path, remaining, shard_bytes)), schema, **settings)
        if (following := next(remaining, None)) is None:
            return
        first = following


def _until(path: Path, parts: Iterator[pa.Table], size: float) -> Iterator[pa.Table]:
    """``parts`` until the file at ``path``, into which they are written, has more than ``size`` bytes."""
    while path.stat().st_size <= size and (part := next(parts, None)) is not None:
        yield part


def write_row_groups(path: Path, parts: Iterable[pa.Table], schema: pa.Schema, **settings: Any) -> None:
    """Write ``parts`` as one Parquet file, a row group each."""
    with (
        path.open("wb", buffering=0) as stream,
        pq.ParquetWriter(stream, schema, compression="zstd", write_page_checksum=True, **settings) as writer,
    ):
        for part in parts:
            writer.write_table(part.unify_dictionaries().combine_chunks().cast(schema), row_group_size=max(part.num_rows, 1))


def seal(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write manifest.json beside finished shards and passages.parquet, with the hashes by which a reader knows them all."""
    sealed = {key: value for key, value in manifest.items() if key != "fingerprint"}
    sealed["files"] = {path.name: file_sha256(path) for path in sorted(folder.glob("*.parquet"))}
    sealed["fingerprint"] = json_fingerprint(sealed)
    write_json(folder / MANIFEST, sealed)
    return sealed
