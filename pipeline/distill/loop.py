"""The training loop: stream a step, accumulate its micro-batches, clip, step, log."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.batching import batches
from pipeline.distill.data import passages_of_epoch, read_input_ids, stream_steps
from pipeline.distill.optimizer import Optimizer
from pipeline.distill.student import Student
from pipeline.errors import InputError
from pipeline.params import DistillParams, RuntimeParams
from pipeline.progress import progress_bar
from pipeline.teacher.shards import PassageTargets

if TYPE_CHECKING:
    import numpy as np


def rate_at(step: int, steps: int, peak: float, warmup_fraction: float) -> float:
    """Learning rate of ``step`` (from 0) of ``steps``: a linear rise over the warm-up, then a linear fall towards 0."""
    warmup = math.ceil(warmup_fraction * steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (steps - step) / max(steps - warmup, 1)


def train(student: Student, teacher: Path, params: DistillParams, runtime: RuntimeParams) -> list[dict[str, float]]:
    """Train ``student`` in place and return the curve: a row an optimizer step.

    The loss of a step is the weighted mean over all its trained positions, however they are cut into micro-batches. A row
    holds step, epoch, learning_rate, grad_norm (before clipping), forget_kl and retain_kl (nats, unweighted means over the
    step's positions; absent where the step has none).
    """
    import torch

    weights = {"forget": 1.0, "retain": params.retain_weight}
    input_ids = read_input_ids(teacher)
    passages = len(passages_of_epoch(teacher, params, 0))
    if not passages:
        raise InputError(f"{teacher} holds no passage to train on; check prepare's documents.")
    steps = math.ceil(passages / params.passages_per_step) * params.epochs
    torch.manual_seed(params.seed)
    optimizer = Optimizer(student, params)
    curve: list[dict[str, float]] = []
    with progress_bar(passages * params.epochs, "passage", "distill") as bar:
        for epoch in range(params.epochs):
            for step in stream_steps(teacher, params, epoch):
                rate = rate_at(len(curve), steps, params.learning_rate, params.warmup_fraction)
                losses = _accumulate(student, step, input_ids, weights, runtime)
                norm = optimizer.clip()
                optimizer.step(rate)
                row = {"step": len(curve), "epoch": epoch, "learning_rate": rate, "grad_norm": norm, **losses}
                curve.append(row)
                bar.update(len(step))
                bar.set_postfix({key: f"{value:.3f}" for key, value in losses.items()})
    return curve


def _accumulate(
    student: Student,
    step: Sequence[PassageTargets],
    input_ids: "Mapping[int, np.ndarray]",
    weights: Mapping[str, float],
    runtime: RuntimeParams,
) -> dict[str, float]:
    """Gradient of one optimizer step over its micro-batches; returns the mean KL by kind."""
    counts = {kind: sum(len(p.positions) for p in step if p.kind == kind) for kind in weights}
    total_weight = sum(weights[kind] * count for kind, count in counts.items())
    sums = dict.fromkeys(weights, 0.0)
    for kept in sorted({p.ids.shape[1] for p in step}):  # one K, unless forget passages have hard targets
        alike = [p for p in step if p.ids.shape[1] == kept]
        for batch in batches([len(input_ids[p.passage]) for p in alike], runtime.micro_batch_tokens):
            part = student.backward([alike[i] for i in batch], input_ids, weights, total_weight, runtime.logit_chunk)
            sums = {kind: sums[kind] + part[kind] for kind in sums}
    return {f"{kind}_kl": sums[kind] / counts[kind] for kind in sums if counts[kind]}
