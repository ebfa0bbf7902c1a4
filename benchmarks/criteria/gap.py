"""The interventional gap: how far a model is from the averaged teacher, on texts that no method trains on.

    gap = KL(averaged teacher || student) / KL(averaged teacher || base)

The averaged teacher is the estimate of P(Y | do(X)) (Liu et al., 2024, equations 3 and 4). A student that reached it has a gap
of 0, one that forgot nothing 1; one that was wrecked may be far above 1. No judge is needed.
"""

from pathlib import Path

from pipeline.core.batching import batches, padded
from pipeline.core.errors import InputError
from pipeline.core.outputs import read_parquet
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.distill.loss import bucketed_kl
from pipeline.model.folder import load_model
from pipeline.shards.reader import read_shard, shard_paths
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize


def teacher_kl(model: Path, shards: Path, runtime: RuntimeParams) -> float:
    """Mean KL(teacher || model) in nats over the positions of ``shards``, each read after the model's own chat prefix.

    Raises InputError where the shards have no position, and there is nothing to take a mean of.
    """
    import torch

    device = pick_device(runtime.device)
    network = load_model(model, device)
    tokenizer = load_tokenizer(model)
    rows = read_parquet(shards / "passages.parquet").to_pylist()
    prefixes = [tokenize(tokenizer, question_prefix(tokenizer, row["question"]))[0] for row in rows]
    inputs = [[*prefix, *row["input_ids"][row["prefix_length"] :]] for prefix, row in zip(prefixes, rows, strict=True)]
    targets = [one for path in shard_paths(shards) for one in read_shard(path) if len(one.positions)]
    if not targets:
        raise InputError(f"{shards}: no held-out text has a trained position; write longer answers or held_out_documents.")
    total, count = 0.0, 0
    with torch.inference_mode():
        for batch in batches([len(inputs[one.passage]) for one in targets], runtime.micro_batch_tokens):
            chosen = [targets[index] for index in batch]
            ids_BL, mask_BL = padded([inputs[one.passage] for one in chosen], device)
            logits_BLV = network(input_ids=ids_BL, attention_mask=mask_BL, use_cache=False).logits
            for row, one in enumerate(chosen):
                shift = len(prefixes[one.passage]) - rows[one.passage]["prefix_length"]
                positions_T = torch.from_numpy(one.positions.astype("int64") + shift).to(device)
                kept = (one.ids.astype("int64"), one.logprobs, one.tail_logprob)
                ids_TK, logprobs_TK, tail_T = (torch.tensor(values, device=device) for values in kept)
                total += float(bucketed_kl(logits_BLV[row, positions_T], ids_TK, logprobs_TK, tail_T).sum())
                count += len(one.positions)
    return total / count
