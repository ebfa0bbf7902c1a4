"""The training loop of every baseline: draw a step, accumulate its micro-batches, clip, step, log.

Gradient ascent diverges by nature. When the loss or the gradient of a step is not finite, that step is not made and training
ends there with a warning. The weights that stand come from finite gradients only, so no NaN is ever saved; what they say may
well be nonsense, which is the baseline's result and not a fault.

Shapes: S sequences of an optimizer step, B of a micro-batch. Nats.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.baselines.examples import Example
from pipeline.baselines.logprobs import reference_logprobs, sequence_logprobs
from pipeline.baselines.objective import Objective
from pipeline.baselines.params import BaselineParams
from pipeline.baselines.registry import objective_of
from pipeline.baselines.steps import steps_of_epoch
from pipeline.batching import batches
from pipeline.distill.loop import rate_at
from pipeline.distill.optimizer import Optimizer
from pipeline.distill.student import Student
from pipeline.errors import InputError
from pipeline.params import RuntimeParams
from pipeline.progress import progress_bar

if TYPE_CHECKING:
    import torch


def train(
    student: Student, examples: Sequence[Example], params: BaselineParams, runtime: RuntimeParams, seed: int
) -> list[dict[str, float]]:
    """Train ``student`` in place and return the curve: a row an optimizer step, fewer where training had to stop.

    A row holds step, epoch, learning_rate, grad_norm (before clipping), forget_nll and retain_nll (nats a token, over the
    step's learnt tokens, before the step is made; retain_nll is absent where the step has none) and loss. The same seed gives
    the same curve. Raises InputError when there is nothing to forget or to retain, a text exceeds the model's context, or the
    very first loss is not finite.
    """
    import torch

    objective = objective_of(params)
    _check(student, examples, objective, params)
    torch.manual_seed(seed)
    reference = reference_logprobs(student, examples, runtime) if objective.needs_reference else None
    optimizer = Optimizer(student, params)
    plan = [
        (epoch, step)
        for epoch in range(params.epochs)
        for step in steps_of_epoch(examples, params, epoch, seed, retain=objective.retain_weight > 0)
    ]
    curve: list[dict[str, float]] = []
    with progress_bar(len(plan), "step", params.objective) as bar:
        for epoch, step in plan:
            rate = rate_at(len(curve), len(plan), params.learning_rate, params.warmup_fraction)
            reference_S = None if reference is None else reference[step]
            losses = accumulate(student, [examples[index] for index in step], objective, reference_S, runtime)
            norm = optimizer.clip()
            if not (math.isfinite(norm) and math.isfinite(losses["loss"])):
                break
            optimizer.step(rate)
            curve.append({"step": len(curve), "epoch": epoch, "learning_rate": rate, "grad_norm": norm, **losses})
            bar.update(1)
            bar.set_postfix({key: f"{value:.3f}" for key, value in losses.items()})
    if not curve:
        raise InputError(
            f"{params.objective} starts from a loss or a gradient that is not finite; check that the model gives finite "
            "probabilities, and baseline.beta and baseline.gamma."
        )
    if len(curve) < len(plan):
        click.echo(
            f"Warning: {params.objective} diverged: the loss or gradient of step {len(curve)} of {len(plan)} is not finite, so "
            "training stopped before it; lower baseline.learning_rate or baseline.epochs.",
            err=True,
        )
    return curve


def accumulate(
    student: Student,
    step: Sequence[Example],
    objective: Objective,
    reference_S: "torch.Tensor | None",
    runtime: RuntimeParams,
) -> dict[str, float]:
    """Add the gradient of one optimizer step, over its micro-batches; returns loss, forget_nll and retain_nll as in the curve.

    ``reference_S``: the summed log-probabilities before training, where the objective needs them.
    """
    import torch

    tokens_S = torch.tensor([example.tokens for example in step], device=student.device)
    forget_S = torch.tensor([example.kind == "forget" for example in step], device=student.device)
    share_S = objective.shares(tokens_S, forget_S)
    logprob_S = torch.zeros(len(step), device=student.device)
    loss = torch.zeros((), device=student.device)
    for batch in batches([len(example.input_ids) for example in step], runtime.micro_batch_tokens):
        logprob_B = sequence_logprobs(student, [step[index] for index in batch], runtime.logit_chunk)
        reference_B = None if reference_S is None else reference_S[batch]
        terms_B = objective.terms(logprob_B, tokens_S[batch], forget_S[batch], reference_B)
        part = (terms_B * share_S[batch]).sum()
        part.backward()
        loss += part.detach()
        logprob_S[batch] = logprob_B.detach()
    nll = {
        f"{kind}_nll": float(-logprob_S[chosen].sum() / tokens_S[chosen].sum())
        for kind, chosen in (("forget", forget_S), ("retain", ~forget_S))
        if chosen.any()
    }
    return {"loss": float(loss), **nll}


def _check(student: Student, examples: Sequence[Example], objective: Objective, params: BaselineParams) -> None:
    kinds = {example.kind for example in examples}
    if "forget" not in kinds:
        raise InputError("there is no forget passage to train on; give the targets documents or chats.")
    if objective.retain_weight > 0 and "retain" not in kinds:
        raise InputError(
            f"{params.objective} with baseline.retain_weight {objective.retain_weight:g} needs retain passages, and there are "
            "none; give some, or set it to 0."
        )
    longest = max(len(example.input_ids) for example in examples)
    context = getattr(student.model.config.get_text_config(), "max_position_embeddings", None)
    if context and longest > context:
        raise InputError(
            f"a text of {longest} tokens does not fit the model's context of {context}; lower "
            "baseline.sentences_per_passage, or split the text."
        )
