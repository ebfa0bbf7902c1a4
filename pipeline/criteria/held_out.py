"""Texts about the targets that no method trains on, with the averaged teacher's distribution, for the interventional gap.

    gap = KL(averaged teacher || student) / KL(averaged teacher || base)

The averaged teacher is the estimate of P(Y | do(X)) (Liu et al., 2024, equations 3 and 4). A student that reached it has a gap
of 0, one that forgot nothing 1; one that was wrecked may be far above 1. No judge is needed.

Held out are the forget questions with their right answers, and the documents that a target holds out
(``held_out_documents``), sentence by sentence, as answers to a request to tell of it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.batching import batches, padded
from pipeline.device import pick_device
from pipeline.distill.loss import bucketed_kl
from pipeline.errors import InputError
from pipeline.made import read_parquet
from pipeline.model import load_model
from pipeline.params import RuntimeParams
from pipeline.prepare.passages import chat_passage
from pipeline.segments import text_of
from pipeline.tables import CounterfactualName, Passage
from pipeline.teacher.shards import PassageTargets, read_shard, shard_paths
from pipeline.tokenizer import load_tokenizer, question_prefix, tokenize

if TYPE_CHECKING:
    import torch

REQUEST = "Tell me about {name}."


def held_out_passages(
    questions: Sequence[Mapping[str, Any]], passages: Sequence[Passage], names: Mapping[str, Sequence[CounterfactualName]]
) -> list[Passage]:
    """The forget questions, and the held-out sentences of ``passages``, as chats about their targets.

    Without the questions that a forget chat of ``passages`` trains on.
    """
    trained = {text_of(p.question) for p in passages if p.kind == "forget"}
    forms = {target: tuple(drawn[0].replacements) for target, drawn in names.items()}
    pairs = [
        (q["target"], q["question"], q["answer"]) for q in questions if q["split"] == "forget" and q["question"] not in trained
    ]
    pairs += [(p.target, REQUEST.replace("{name}", p.target), text_of(p.segments)) for p in passages if p.kind == "held_out"]
    return [chat_passage(target, "forget", question, answer, forms[target]) for target, question, answer in pairs]


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
                total += float(_kl_T(logits_BLV[row, positions_T], one).sum())
                count += len(one.positions)
    return total / count


def _kl_T(logits_TV: "torch.Tensor", one: PassageTargets) -> "torch.Tensor":
    import torch

    ids_TK, logprobs_TK, tail_T = (
        torch.tensor(values, device=logits_TV.device) for values in (one.ids.astype("int64"), one.logprobs, one.tail_logprob)
    )
    return bucketed_kl(logits_TV, ids_TK, logprobs_TK, tail_T)
