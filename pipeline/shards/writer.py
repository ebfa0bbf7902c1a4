"""How shards are written: list columns from flat arrays, BYTE_STREAM_SPLIT and zstd; the same inputs give the same bytes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.shards.schema import FOOTER_KEY, shard_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

_FLOATS = ["tail_logprob", "entropy", "disagreement", "swapped_mass"]


@dataclass(frozen=True)
class PassageRows:
    """What a shard says of one passage: T trained positions, K kept tokens each. Nats."""

    passage: int
    target: str
    kind: str
    input_ids: Sequence[int]  # as the student reads it
    positions: np.ndarray  # int [T], into ``input_ids``
    ids: np.ndarray  # int [T, K], most probable first
    logprobs: np.ndarray  # [T, K]
    tail_logprob: np.ndarray  # [T], as the next three
    entropy: np.ndarray
    disagreement: np.ndarray
    swapped_mass: np.ndarray


def passage_table(passage: PassageRows, tokenizer: "PreTrainedTokenizerBase") -> "pa.Table":
    """The rows of one passage."""
    import pyarrow as pa

    rows, top_k = passage.ids.shape
    tokens, next_ids = ([passage.input_ids[position + after] for position in passage.positions] for after in (0, 1))
    offsets = pa.array(np.arange(0, rows * top_k + 1, top_k, dtype=np.int32))
    columns = [
        pa.array([passage.target] * rows, pa.string()).dictionary_encode(),
        pa.array([passage.kind] * rows, pa.string()).dictionary_encode(),
        pa.array([passage.passage] * rows, pa.int32()),
        pa.array(passage.positions, pa.int32()),
        pa.array([tokenizer.decode([token]) for token in tokens], pa.string()),
        pa.array([tokenizer.decode([token]) for token in next_ids], pa.string()),
        pa.array(next_ids, pa.int32()),
        pa.ListArray.from_arrays(offsets, pa.array(passage.ids.ravel(), pa.int32())),
        pa.ListArray.from_arrays(offsets, pa.array(passage.logprobs.ravel().astype(np.float16), pa.float16())),
        *(pa.array(getattr(passage, name).astype(np.float32), pa.float32()) for name in _FLOATS),
    ]
    return pa.Table.from_arrays(columns, schema=shard_schema())


def write_shard(path: Path, tables: "list[pa.Table]", facts: Mapping[str, Any]) -> None:
    """Write the passages' rows as one Parquet file with ``facts`` (a JSON object) in its footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    footer = {FOOTER_KEY: json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()}
    split = ["teacher_ids.list.element", "teacher_logprobs.list.element", *_FLOATS]
    pq.write_table(
        pa.concat_tables(tables).unify_dictionaries().combine_chunks().replace_schema_metadata(footer),
        path,
        compression="zstd",
        compression_level=12,
        use_dictionary=["target", "kind", "token", "next_token"],
        column_encoding=dict.fromkeys(split, "BYTE_STREAM_SPLIT"),
        write_statistics=["passage", "position"],
    )
