"""Floating-point operations a second that a model reaches in scoring and in training: measured here, or expected of a card."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command's help names the cards, and must not wait for these
    from pipeline.core.runtime import RuntimeParams
    from pipeline.plan.cost import Shape

SECONDS = 5.0  # of each measurement
ROWS, TOKENS = 8, 64  # of a batch
# Dense bfloat16 peaks and bytes of memory from the makers' data sheets.
CARDS = {
    "a100": (312e12, 80e9),
    "h100": (989e12, 80e9),
    "h200": (989e12, 141e9),
    "l40s": (362e12, 48e9),
    "rtx4090": (165e12, 24e9),
}
UTILISATION = 0.35  # of the peak, expected: nothing was measured on these cards


@dataclass(frozen=True)
class Rates:
    """Operations a second."""

    scoring: float
    training: float
    source: str  # in words
    memory: float = math.inf  # bytes that a card has, where one is given


def card_rates(card: str, cards: int) -> Rates:
    """What ``cards`` of a kind should reach."""
    peak, memory = CARDS[card]
    rate = cards * peak * UTILISATION
    return Rates(rate, rate, f"{UTILISATION:.0%} of the bfloat16 peak of {cards} {card}", memory)


def measured_rates(model: Path, shape: "Shape", runtime: "RuntimeParams") -> Rates:
    """Score and train on random tokens with the model in ``model`` for ten seconds in all; the weights are thrown away."""
    import numpy as np
    import torch

    from pipeline.core.runtime import pick_device
    from pipeline.train.student import Student, next_logprobs

    student = Student(model, pick_device(runtime.device))
    generator = torch.Generator().manual_seed(0)
    ids_BL = torch.randint(shape.vocabulary, (ROWS, TOKENS), generator=generator)
    sequences, positions = ids_BL.numpy(), [np.arange(TOKENS // 2, TOKENS - 1)] * ROWS
    learnt = sum(map(len, positions))
    values = next_logprobs(ids_BL[:, TOKENS // 2 + 1 :].flatten().to(student.device))

    def score() -> None:
        student.values(list(sequences), positions, values, runtime.logit_chunk)

    def train() -> None:
        weights = torch.full((learnt,), 1 / learnt, device=student.device)
        student.backward(list(sequences), positions, values, weights, runtime.logit_chunk)
        student.model.zero_grad(set_to_none=True)

    flops = 2 * (shape.body * ROWS * TOKENS + shape.head * learnt)
    return Rates(flops * _a_second(score), 3 * flops * _a_second(train), "measured here on random tokens")


def _a_second(call: Callable[[], None]) -> float:
    """How often ``call`` runs a second, after a first time."""
    call()
    started, calls = time.monotonic(), 0
    while time.monotonic() - started < SECONDS:
        call()
        calls += 1
    return calls / (time.monotonic() - started)
