"""Streams the teacher's shards as optimizer steps.

Each epoch visits the shards in a seeded random order and holds at most ``shuffle_shards`` of them in memory; passages are
drawn from these at random. Memory is that of the held shards, whatever the number of shards, and the same seed gives the
same steps.
"""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.fingerprint import model_fingerprint, tokenizer_fingerprint
from pipeline.teacher.shards import PassageTargets, read_manifest, read_shard, shard_paths

if TYPE_CHECKING:
    import numpy as np


def check_same_model(teacher: Path, model: Path) -> None:
    """Raise InputError when the shards were made with another model or tokenizer than the one in ``model``."""
    manifest = read_manifest(teacher)
    for what, fingerprint in (("model", model_fingerprint), ("tokenizer", tokenizer_fingerprint)):
        if manifest[f"{what}_fingerprint"] != fingerprint(model):
            raise InputError(
                f"{teacher}/manifest.json: the shards were made with another {what} than the one in {model}; make them anew "
                "(dvc repro teacher), or bring that model back."
            )


def read_input_ids(teacher: Path) -> "dict[int, np.ndarray]":
    """Token ids of every passage as the student reads it: prompt prefix and original text."""
    import pyarrow.parquet as pq

    table = pq.read_table(teacher / "passages.parquet", columns=["passage", "input_ids"]).combine_chunks()
    ids = table["input_ids"].chunk(0)
    offsets, flat = ids.offsets.to_numpy(), ids.values.to_numpy()
    return {int(number): flat[offsets[row] : offsets[row + 1]] for row, number in enumerate(table["passage"].to_numpy())}


def count_passages(teacher: Path, weights: Mapping[str, float]) -> int:
    """Passages that are trained in an epoch: those whose kind weighs something and that have a trained position."""
    return sum(1 for path in shard_paths(teacher) for passage in read_shard(path) if weights[passage.kind] > 0)


def stream_passages(
    teacher: Path, weights: Mapping[str, float], shuffle_shards: int, seed: int, epoch: int
) -> Iterator[PassageTargets]:
    """Every trained passage once, shuffled by (seed, epoch)."""
    rng = random.Random(f"{seed}:{epoch}")
    paths = shard_paths(teacher)
    rng.shuffle(paths)
    held: list[list[PassageTargets]] = []
    while paths or held:
        while paths and len(held) < shuffle_shards:
            passages = [passage for passage in read_shard(paths.pop()) if weights[passage.kind] > 0]
            if passages:
                held.append(passages)
        if not held:
            return
        # A shard is drawn in proportion to what is left of it, so the draw is uniform over the held passages.
        (shard,) = rng.choices(range(len(held)), weights=[len(passages) for passages in held])
        yield held[shard].pop(rng.randrange(len(held[shard])))
        if not held[shard]:
            held.pop(shard)


def stream_steps(
    teacher: Path, weights: Mapping[str, float], shuffle_shards: int, passages_per_step: int, seed: int, epoch: int
) -> Iterator[list[PassageTargets]]:
    """The passages of ``stream_passages`` in groups of one optimizer step each; the last group may be smaller."""
    step: list[PassageTargets] = []
    for passage in stream_passages(teacher, weights, shuffle_shards, seed, epoch):
        step.append(passage)
        if len(step) == passages_per_step:
            yield step
            step = []
    if step:
        yield step
