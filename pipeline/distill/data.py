"""Streams the teacher's shards as optimizer steps.

Each epoch visits the shards in a seeded random order and holds at most ``shuffle_shards`` of them in memory; passages are
drawn from these at random. Memory is that of the held shards, whatever the number of shards, and the same seed gives the
same steps.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.fingerprint import model_fingerprint, tokenizer_fingerprint
from pipeline.made import command_for, read_parquet
from pipeline.params import DistillParams
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
                f"({command_for(teacher)}), or bring that model back."
            )


def read_input_ids(teacher: Path) -> "dict[int, np.ndarray]":
    """Token ids of every passage as the student reads it: prompt prefix and original text."""
    table = read_parquet(teacher / "passages.parquet", ["passage", "input_ids"]).combine_chunks()
    ids = table["input_ids"].chunk(0)
    offsets, flat = ids.offsets.to_numpy(), ids.values.to_numpy()
    return {int(number): flat[offsets[row] : offsets[row + 1]] for row, number in enumerate(table["passage"].to_numpy())}


def passages_of_epoch(teacher: Path, params: DistillParams, epoch: int) -> set[int]:
    """Numbers of the passages that ``epoch`` trains on.

    All forget passages, and ``retain_per_forget`` times as many retain passages, drawn anew each epoch by (seed, epoch);
    no retain passage where ``retain_weight`` is 0. Reads passages.parquet, not the shards.
    """
    table = read_parquet(teacher / "passages.parquet", ["passage", "kind"])
    numbers: dict[str, list[int]] = {"forget": [], "retain": []}
    for number, kind in zip(table["passage"].to_pylist(), table["kind"].to_pylist(), strict=True):
        numbers[kind].append(number)
    wanted = round(params.retain_per_forget * len(numbers["forget"])) if params.retain_weight > 0 else 0
    retain = random.Random(f"{params.seed}:{epoch}:retain").sample(numbers["retain"], min(wanted, len(numbers["retain"])))
    return {*numbers["forget"], *retain}


def stream_passages(teacher: Path, params: DistillParams, epoch: int) -> Iterator[PassageTargets]:
    """Every passage of ``passages_of_epoch`` that has a trained position once, shuffled by (seed, epoch)."""
    chosen = passages_of_epoch(teacher, params, epoch)
    rng = random.Random(f"{params.seed}:{epoch}")
    paths = shard_paths(teacher)
    rng.shuffle(paths)
    held: list[list[PassageTargets]] = []
    while paths or held:
        while paths and len(held) < params.shuffle_shards:
            passages = [passage for passage in read_shard(paths.pop()) if passage.passage in chosen]
            if passages:
                held.append(passages)
        if not held:
            return
        # A shard is drawn in proportion to what is left of it, so the draw is uniform over the held passages.
        (shard,) = rng.choices(range(len(held)), weights=[len(passages) for passages in held])
        yield held[shard].pop(rng.randrange(len(held[shard])))
        if not held[shard]:
            held.pop(shard)


def stream_steps(teacher: Path, params: DistillParams, epoch: int) -> Iterator[list[PassageTargets]]:
    """The passages of ``stream_passages`` in groups of one optimizer step each; the last group may be smaller."""
    step: list[PassageTargets] = []
    for passage in stream_passages(teacher, params, epoch):
        step.append(passage)
        if len(step) == params.passages_per_step:
            yield step
            step = []
    if step:
        yield step
