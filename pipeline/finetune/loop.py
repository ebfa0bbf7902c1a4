"""Plain finetuning: the cross entropy of answers after their questions, with the token that ends them.

The loss of a step is the mean over all its learnt tokens, however they are cut into micro-batches; a question's own tokens are
read and not learnt.

Shapes: B rows, L tokens, T learnt tokens of the batch, D width, V vocabulary. Nats.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from pipeline.batching import batches, padded
from pipeline.distill.loop import rate_at
from pipeline.distill.optimizer import Optimizer
from pipeline.distill.student import Student, open_student
from pipeline.errors import InputError
from pipeline.finetune.answers import AnswerTokens, ended_answer
from pipeline.finetune.params import FinetuneParams
from pipeline.params import RuntimeParams
from pipeline.progress import progress_bar
from pipeline.tokenizer import load_tokenizer


def finetune(
    base: Path, chats: Sequence[tuple[str, str]], params: FinetuneParams, runtime: RuntimeParams, seed: int
) -> tuple[Student, list[dict[str, float]]]:
    """Train the model in ``base`` on ``chats``, (question, answer) pairs; returns it, not yet saved, and the curve.

    A row of the curve is an optimizer step: step, epoch, learning_rate, grad_norm (before clipping) and loss (nats a learnt
    token, before the step is made). The same seed gives the same order of chats. Raises InputError for no chats, an empty
    answer, a chat longer than the model's context, and a model that would not stop at its tokenizer's end-of-sequence token.
    """
    import torch

    if not chats:
        raise InputError("finetune has no question to train on; give it at least one with its answer.")
    tokenizer = load_tokenizer(base)
    examples = [ended_answer(tokenizer, question, answer) for question, answer in chats]
    student = open_student(base, params.precision, runtime, "finetune.precision")
    _check(student, base, examples)
    plan = [
        (epoch, order[start : start + params.passages_per_step])
        for epoch in range(params.epochs)
        for order in [_shuffled(len(examples), seed, epoch)]
        for start in range(0, len(order), params.passages_per_step)
    ]
    torch.manual_seed(seed)
    optimizer = Optimizer(student, params)
    curve: list[dict[str, float]] = []
    with progress_bar(len(plan), "step", "finetune") as bar:
        for epoch, step in plan:
            rate = rate_at(len(curve), len(plan), params.learning_rate, params.warmup_fraction)
            loss = accumulate(student, [examples[index] for index in step], runtime)
            norm = optimizer.clip()
            optimizer.step(rate)
            curve.append({"step": len(curve), "epoch": epoch, "learning_rate": rate, "grad_norm": norm, "loss": loss})
            bar.update(1)
            bar.set_postfix(loss=f"{loss:.3f}")
    return student, curve


def _shuffled(count: int, seed: int, epoch: int) -> list[int]:
    order = list(range(count))
    random.Random(f"{seed}:{epoch}").shuffle(order)
    return order


def accumulate(student: Student, step: Sequence[AnswerTokens], runtime: RuntimeParams) -> float:
    """Add the gradient of the mean loss over the step's learnt tokens, over its micro-batches; returns that mean."""
    total = sum(example.learnt for example in step)
    grouped = batches([len(example.input_ids) for example in step], runtime.micro_batch_tokens)
    return sum(_backward(student, [step[i] for i in batch], total, runtime.logit_chunk) for batch in grouped) / total


def _backward(student: Student, examples: Sequence[AnswerTokens], total: int, logit_chunk: int) -> float:
    """Add the gradient of (summed loss / ``total``); returns the summed loss.

    Logits exist for ``logit_chunk`` learnt tokens at once: each chunk's gradient is gathered on the hidden states, from which
    one backward pass goes through the body.
    """
    import torch
    from torch.nn.functional import cross_entropy

    ids_BL, mask_BL = padded([example.input_ids for example in examples], student.device)
    rows_T = torch.cat([torch.full((example.learnt,), row) for row, example in enumerate(examples)]).to(student.device)
    learnt_T = torch.cat([torch.arange(example.start, len(example.input_ids)) for example in examples]).to(student.device)
    next_T = ids_BL[rows_T, learnt_T]
    head = student.model.get_output_embeddings()
    summed = 0.0
    with torch.autocast(student.device, dtype=torch.bfloat16, enabled=student.device == "cuda"):
        hidden_TD = student.hidden(ids_BL, mask_BL)[rows_T, learnt_T - 1]
        leaf_TD = hidden_TD.detach().requires_grad_()
        for start in range(0, len(next_T), logit_chunk):
            part = slice(start, start + logit_chunk)
            loss = cross_entropy(head(leaf_TD[part]).float(), next_T[part], reduction="sum")
            (loss / total).backward()
            summed += float(loss.detach())
    hidden_TD.backward(leaf_TD.grad)
    return summed


def _check(student: Student, base: Path, examples: Sequence[AnswerTokens]) -> None:
    stops = student.model.generation_config.eos_token_id
    end = examples[0].input_ids[-1]
    if end not in (stops if isinstance(stops, list) else [stops]):
        raise InputError(
            f"{base}: answers are trained to end with token {end}, the tokenizer's end of sequence, but the model stops at "
            f"{stops}; put it into eos_token_id of generation_config.json."
        )
    longest = max(len(example.input_ids) for example in examples)
    context = getattr(student.model.config.get_text_config(), "max_position_embeddings", None)
    if context and longest > context:
        raise InputError(f"{base}: a chat of {longest} tokens does not fit the model's context of {context}; shorten it.")
