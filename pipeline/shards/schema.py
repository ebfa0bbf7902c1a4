"""What a teacher folder holds: the columns of its shards and of passages.parquet, and the version of both.

One row a trained position, readable in polars without help: K ids and float16 log-probabilities (float16 errs by at most 0.008
nats there), sorted by passage, then position.
"""

import pyarrow as pa

FORMAT_VERSION = 5
FOOTER_KEY = b"nevermet"
PASSAGES = "passages.parquet"
MANIFEST = "manifest.json"
SHARDS = "shard-*.parquet"
_TEXT = pa.dictionary(pa.int32(), pa.string())
SHARD_SCHEMA = pa.schema(  # the columns of a shard, in order
    {
        "target": _TEXT,
        "kind": _TEXT,
        "passage": pa.int32(),
        "position": pa.int32(),
        "token": pa.string(),
        "next_token": pa.string(),
        "next_token_id": pa.int32(),
        "teacher_ids": pa.list_(pa.int32()),
        "teacher_logprobs": pa.list_(pa.float16()),
        "tail_logprob": pa.float32(),
        "entropy": pa.float32(),
        "disagreement": pa.float32(),
        "swapped_mass": pa.float32(),
    }
)
PASSAGES_SCHEMA = pa.schema(  # of passages.parquet: a row a passage, as the student reads it
    {
        "passage": pa.int32(),
        "target": pa.string(),
        "kind": pa.string(),
        "format": pa.string(),
        "question": pa.string(),
        "text": pa.string(),
        "input_ids": pa.list_(pa.int32()),
        "prefix_length": pa.int32(),
    }
)


def shard_bytes(positions: float, kept: int) -> float:
    """About how large ``positions`` of ``kept`` tokens each are, all files together (measured: docs/shards.md)."""
    return positions * (2.9 * kept + 30)


def shard_name(index: int) -> str:
    """The file of shard number ``index``."""
    return f"shard-{index:05d}.parquet"
