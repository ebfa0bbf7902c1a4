"""The teacher's shards: one row a trained position, readable in polars without help.

K ids and float16 log-probabilities a row (float16 errs by at most 0.008 nats there) with BYTE_STREAM_SPLIT and zstd;
list columns are built from flat arrays. Rows are sorted by passage, then position; the same inputs give the same bytes.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.made import command_for, read_json_object, read_parquet

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

    from pipeline.teacher.counterfactuals import RenderedPassage, TaughtPassage

FORMAT_VERSION = 3
FOOTER_KEY = b"obliviate"
_DICTIONARY = ["target", "kind", "token", "next_token"]
_SPLIT = ["teacher_ids.list.element", "teacher_logprobs.list.element"]
_SPLIT_FLAT = ["tail_logprob", "entropy", "disagreement", "swapped_mass"]


def shard_schema() -> "pa.Schema":
    """Columns of a shard, in order."""
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            ("target", text),
            ("kind", text),
            ("passage", pa.int32()),
            ("position", pa.int32()),
            ("token", pa.string()),
            ("next_token", pa.string()),
            ("next_token_id", pa.int32()),
            ("teacher_ids", pa.list_(pa.int32())),
            ("teacher_logprobs", pa.list_(pa.float16())),
            ("tail_logprob", pa.float32()),
            ("entropy", pa.float32()),
            ("disagreement", pa.float32()),
            ("swapped_mass", pa.float32()),
        ]
    )


def passage_table(
    number: int, rendered: "RenderedPassage", taught: "TaughtPassage", tokenizer: "PreTrainedTokenizerBase"
) -> "pa.Table":
    """The rows of one passage."""
    import numpy as np
    import pyarrow as pa

    averaged, positions = taught.averaged, taught.positions
    rows, top_k = averaged.ids.shape
    ids = rendered.original.input_ids
    next_ids = [ids[p + 1] for p in positions]
    offsets = pa.array(np.arange(0, rows * top_k + 1, top_k, dtype=np.int32))
    columns = [
        pa.array([rendered.passage.target] * rows, pa.string()).dictionary_encode(),
        pa.array([rendered.passage.kind] * rows, pa.string()).dictionary_encode(),
        pa.array([number] * rows, pa.int32()),
        pa.array(positions, pa.int32()),
        pa.array([tokenizer.decode([ids[p]]) for p in positions], pa.string()),
        pa.array([tokenizer.decode([token]) for token in next_ids], pa.string()),
        pa.array(next_ids, pa.int32()),
        pa.ListArray.from_arrays(offsets, pa.array(averaged.ids.ravel(), pa.int32())),
        pa.ListArray.from_arrays(offsets, pa.array(averaged.logprobs.ravel().astype(np.float16), pa.float16())),
        *(
            pa.array(values.astype(np.float32), pa.float32())
            for values in (averaged.tail_logprob, averaged.entropy, averaged.disagreement, taught.swapped_mass)
        ),
    ]
    return pa.Table.from_arrays(columns, schema=shard_schema())


def write_shard(path: Path, tables: "list[pa.Table]", facts: Mapping[str, Any]) -> None:
    """Write the passages' rows as one Parquet file with ``facts`` (a JSON object) in its footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    footer = {FOOTER_KEY: json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()}
    pq.write_table(
        table.replace_schema_metadata(footer),
        path,
        compression="zstd",
        compression_level=12,
        use_dictionary=_DICTIONARY,
        column_encoding=dict.fromkeys([*_SPLIT, *_SPLIT_FLAT], "BYTE_STREAM_SPLIT"),
        write_statistics=["passage", "position"],
    )


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a teacher folder, in order. Raises InputError when there is none."""
    paths = sorted(folder.glob("shard-*.parquet"))
    if not paths:
        raise InputError(f"{folder} holds no shard-*.parquet; make them first ({command_for(folder)}).")
    return paths


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a teacher folder. Raises InputError when it is missing, broken or of another format version."""
    path = folder / "manifest.json"
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
    positions: "np.ndarray"  # int32 [T]
    ids: "np.ndarray"  # int32 [T, K]
    logprobs: "np.ndarray"  # float32 [T, K], nats
    tail_logprob: "np.ndarray"  # float32 [T], nats


def read_shard(path: Path) -> Iterator[PassageTargets]:
    """The passages of one shard, read through Arrow's flat buffers, never through Python lists.

    K is the same within a passage; beside hard targets, whose K is 1, a retain passage has its own.
    """
    import numpy as np

    columns = ["kind", "passage", "position", "teacher_ids", "teacher_logprobs", "tail_logprob"]
    table = read_parquet(path, columns).combine_chunks()
    if not table.num_rows:
        return
    numbers = table["passage"].to_numpy()
    positions = table["position"].to_numpy()
    tails = table["tail_logprob"].to_numpy()
    offsets = table["teacher_ids"].chunk(0).offsets.to_numpy()
    ids = table["teacher_ids"].chunk(0).values.to_numpy()
    logprobs = table["teacher_logprobs"].chunk(0).values.to_numpy()
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
        kind = str(table["kind"][int(start)].as_py())
        rows, kept = slice(start, end), slice(offsets[start], offsets[end])
        yield PassageTargets(
            int(numbers[start]),
            kind,
            positions[rows],
            ids[kept].reshape(end - start, -1),
            logprobs[kept].reshape(end - start, -1).astype(np.float32),
            tails[rows],
        )
