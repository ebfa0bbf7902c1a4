"""A passage of the shards for a person to read, token by token."""

import math
from collections.abc import Iterator
from pathlib import Path

from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.errors import InputError
from pipeline.params import RuntimeParams
from pipeline.teacher.shards import read_manifest, shard_paths
from pipeline.tokenizer import load_tokenizer


def passage_lines(teacher: Path, model: Path, passage: int, top: int, runtime: RuntimeParams) -> Iterator[str]:
    """A line a trained position: the text's next token, the base model's most probable one, entropy, the teacher's ``top``.

    The base model is run here, on the original text. Raises InputError for a passage that the shards lack.
    """
    import polars as pl

    read_manifest(teacher)
    passages = pl.read_parquet(teacher / "passages.parquet")
    chosen = passages.filter(pl.col("passage") == passage)
    if chosen.is_empty():
        raise InputError(f"{teacher} has no passage {passage}; they run from 0 to {passages.height - 1}.")
    rows = pl.scan_parquet(shard_paths(teacher)).filter(pl.col("passage") == passage).collect()
    tokenizer = load_tokenizer(model)
    input_ids = chosen["input_ids"][0].to_list()
    (scores,) = TransformersEngine(model, runtime).score([input_ids], top_k=1)
    yield f"passage {passage}, {chosen['kind'][0]}, {chosen['target'][0]}: {rows.height} trained positions"
    yield f"{'text':>14} │ {'base model':>14}      │ entropy │ teacher"
    for row in rows.iter_rows(named=True):
        base, base_prob = scores.top_ids[row["position"], 0], math.exp(scores.top_logprobs[row["position"], 0])
        teacher_top = zip(row["teacher_ids"][:top], row["teacher_logprobs"][:top], strict=True)
        told = "  ".join(f"{tokenizer.decode([token])!r} {math.exp(logprob):.2f}" for token, logprob in teacher_top)
        shown = f"{row['next_token']!r:>14} │ {tokenizer.decode([int(base)])!r:>14} {base_prob:.2f}"
        yield f"{shown} │ {row['entropy']:7.2f} │ {told}"
