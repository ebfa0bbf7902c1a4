"""The distance of a model from the counterfactual teacher, on texts that no method trains on.

    gap = KL(averaged teacher || student) / KL(averaged teacher || base)

A model is measured by its own KL; the table divides by the base's. The teacher is averaged over names that no method's own
teacher saw. It is an estimate of P(Y | do(X)) (Liu et al., 2024, equations 3 and 4) and not the truth. A student that is there
has a gap of 0, one that forgot nothing 1; one that was wrecked may be far above 1. It needs no judge.
"""

import math
from pathlib import Path

import numpy as np
import torch

from benchmarks.suite.params import BenchmarkFolders
from pipeline.core.errors import InputError
from pipeline.core.outputs import read_parquet
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.distill.loss import bucketed_kl
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.model.folder import load_model
from pipeline.shards.reader import open_shards, read_manifest, read_targets, shard_paths
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize


def distance(model: Path, folders: BenchmarkFolders, runtime: RuntimeParams) -> dict[str, float]:
    """{"gap.kl": of ``model``, nats a position}; nothing where it is not finite."""
    kl = teacher_kl(model, folders.held_out, runtime)
    return {"gap.kl": kl} if math.isfinite(kl) else {}


def check_unseen(folders: BenchmarkFolders, method: str) -> None:
    """Raise InputError where the held-out teacher has a name that the teacher of ``method`` had, or is not of this base.

    Methods that read no shards have none.
    """
    folder, shards = folders.held_out, folders.teacher(method)
    held_out = open_shards(folder, folders.base)
    taught = read_manifest(shards)["counterfactual_names"] if shards.is_dir() else {}
    for target, drawn in held_out["counterfactual_names"].items():
        if shared := set(drawn) & set(taught.get(target, ())):
            raise InputError(
                f"{folder} is read under {min(shared)!r} for {target!r}, as {shards} is, which a method learns from; make the "
                "former anew, which takes other names (dvc repro --single-item --force "
                f"benchmarks/dvc.yaml:held-out@{folders.folder.name})."
            )


def teacher_kl(model: Path, shards: Path, runtime: RuntimeParams) -> float:
    """Mean KL(teacher || model) in nats over the positions of ``shards``, each read after the model's own chat prefix.

    Raises InputError where the shards have no position, and there is nothing to take a mean of.
    """
    loaded = load_model(model, pick_device(runtime.device))
    reader, head = TransformersEngine(model, runtime, loaded), loaded.get_output_embeddings()
    tokenizer = load_tokenizer(model)
    rows = read_parquet(shards / "passages.parquet").to_pylist()
    targets = [one for path in shard_paths(shards) for one in read_targets(path) if len(one.positions)]
    if not targets:
        raise InputError(f"{shards}: no held-out text has a trained position; write longer answers or held_out_documents.")
    sequences, positions = list[list[int]](), list[np.ndarray]()
    for one in targets:
        row = rows[one.passage]
        prefix = tokenize(tokenizer, question_prefix(tokenizer, row["question"]))[0]
        sequences.append([*prefix, *row["input_ids"][row["prefix_length"] :]])
        positions.append(one.positions + len(prefix) - row["prefix_length"])
    states = reader.hidden_states(sequences, [int(at[0]) for at in positions])
    total = 0.0
    for one, at, states_TD in zip(targets, positions, states, strict=True):
        ids_TK, logprobs_TK, tail_T = (
            torch.tensor(column, device=states_TD.device) for column in (one.ids, one.logprobs, one.tail_logprob)
        )
        with torch.no_grad():
            total += float(bucketed_kl(head(states_TD[at - at[0]]), ids_TK.long(), logprobs_TK, tail_T).sum())
    return total / sum(map(len, positions))
