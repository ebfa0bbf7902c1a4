"""The training loop: draw a step, accumulate its micro-batches, clip, step, log.

What is learnt, apart from how, is an objective's. Gradient ascent diverges by nature: when the loss or the gradient of a step
is not finite, that step is not made and training ends there with a warning. The weights that stand come from finite gradients
only, so no NaN is ever saved; what they say may well be nonsense, which is then the method's result.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from pipeline.core.errors import InputError
from pipeline.core.files import write_text
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams
from pipeline.train.checkpoints import Checkpoints
from pipeline.train.optimizer import Optimizer
from pipeline.train.params import TrainParams
from pipeline.train.student import Student

Curve = list[dict[str, float]]  # a row an optimizer step, with whatever columns its loss has; empty where nothing is trained
Item = TypeVar("Item")


class Objective(Protocol[Item]):
    """A loss over the items (passages, sequences) of an optimizer step. Losses in nats."""

    name: str  # in progress and messages
    section: str  # of the parameters, by which messages name a key

    def start(self, student: Student, runtime: RuntimeParams) -> None:
        """Look at the model before it is trained. Raises InputError when there is nothing to learn, or a text is too long."""
        ...

    def steps_of_epoch(self) -> int:
        """How many optimizer steps an epoch has."""
        ...

    def steps(self, epoch: int) -> Iterable[Sequence[Item]]:
        """The optimizer steps of ``epoch``, the same for the same seed."""
        ...

    def accumulate(self, student: Student, step: Sequence[Item], runtime: RuntimeParams) -> dict[str, float]:
        """Add the gradient of ``step``, however it is cut into micro-batches; returns its losses, columns of the curve."""
        ...


def train(
    student: Student,
    objective: Objective[Any],
    params: TrainParams,
    runtime: RuntimeParams,
    seed: int,
    checkpoints: Checkpoints | None = None,
) -> Curve:
    """Train ``student`` in place and return the curve: a row an optimizer step, fewer where training had to stop.

    A row holds step, epoch, learning_rate, grad_norm (before clipping) and the objective's losses before the step is made.
    The same seed gives the same curve, also where it goes on from the last of ``checkpoints``. Raises InputError as
    ``objective`` does, and when the first loss is not finite.
    """
    import torch

    torch.manual_seed(seed)
    objective.start(student, runtime)
    steps = objective.steps_of_epoch() * params.epochs
    optimizer = Optimizer(student, params, steps)
    curve: Curve = []
    if checkpoints:
        checkpoints.check_room(student, steps)
        curve = checkpoints.load(student, optimizer)
    made = len(curve)
    with progress_bar(steps, "step", objective.name) as bar:
        bar.update(made)
        every = ((epoch, step) for epoch in range(params.epochs) for step in objective.steps(epoch))
        for epoch, step in islice(every, made, None):
            losses = objective.accumulate(student, step, runtime)
            norm = optimizer.clip()
            if not all(map(math.isfinite, (norm, *losses.values()))):
                _tell_stop(len(curve), steps, objective)
                return curve
            curve.append({"step": len(curve), "epoch": epoch, "learning_rate": optimizer.rate, "grad_norm": norm, **losses})
            optimizer.step()
            bar.update(1)
            bar.set_postfix({key: f"{value:.3f}" for key, value in losses.items()})
            if checkpoints:
                checkpoints.save(student, optimizer, curve)
    return curve


def _tell_stop(step: int, steps: int, objective: Objective[Any]) -> None:
    """Warn that ``step`` is not finite. Raises InputError where it is the first."""
    if not step:
        raise InputError(
            f"{objective.name} starts from a loss or a gradient that is not finite; check that the model gives finite "
            f"probabilities, and the parameters of {objective.section}."
        )
    click.echo(
        f"Warning: {objective.name} diverged: the loss or gradient of step {step} of {steps} is not finite, so training "
        f"stopped before it; lower {objective.section}.learning_rate or {objective.section}.epochs.",
        err=True,
    )


def write_curve(curve: Curve, path: Path) -> None:
    """Columns in the order in which they first occur; what a step does not have is left empty. No step, no rows."""
    import polars as pl

    columns = list(dict.fromkeys(key for row in curve for key in row)) or ["step"]
    rows = [{key: f"{value:.6g}" for key, value in row.items()} for row in curve]
    write_text(path, pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String)).write_csv())


def epoch_mean(curve: Curve, epoch: int, key: str) -> float:
    """Mean of ``key`` over the steps of ``epoch`` that have it, in nats; NaN when none has."""
    values = [row[key] for row in curve if row["epoch"] == epoch and key in row]
    return statistics.fmean(values) if values else float("nan")
