"""AdamW over a student's weights under one schedule: cut the gradient, make a step, drop the gradient.

Bytes a weight, of weights, gradients and AdamW's two states together: 16 in float32. In bfloat16 it is 6, since torchao keeps
each state in 8 bits by blocks of 256 (Dettmers et al., 2022). A bfloat16 weight has 8 significant bits, so that many steps of
unlearning are smaller than half its last bit and would be rounded away; rounded up or down by chance, in proportion, they are
kept in the mean.
"""

import math
from contextlib import nullcontext
from typing import Any

from pipeline.core.errors import InputError
from pipeline.train.params import TrainParams
from pipeline.train.student import Student

BETAS = (0.9, 0.95)


def rate_at(step: int, steps: int, peak: float, warmup_fraction: float) -> float:
    """Learning rate of ``step`` (from 0) of ``steps``: a linear rise over the warm-up, then a linear fall towards 0."""
    warmup = math.ceil(warmup_fraction * steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (steps - step) / max(steps - warmup, 1)


class Optimizer:
    """AdamW in the precision of ``params``, over all weights of ``student``, for ``steps`` steps.

    Raises InputError for bfloat16 where torchao is missing.
    """

    def __init__(self, student: Student, params: TrainParams, steps: int) -> None:
        import torch

        self._weights = list(student.model.parameters())
        self._max_grad_norm = params.max_grad_norm
        self._eager = False
        settings: dict[str, Any] = {"lr": 1.0, "weight_decay": params.weight_decay, "betas": BETAS}  # the schedule's factor
        if params.precision == "float32":
            self._adamw: torch.optim.Optimizer = torch.optim.AdamW(self._weights, fused=True, **settings)
        else:
            try:
                from torchao.optim import AdamW8bit
            except ImportError as error:
                raise InputError(
                    f"precision 'bfloat16' needs torchao, which can't be imported ({error}); install nevermet[gpu], or set it "
                    "to 'float32'."
                ) from error
            self._adamw = AdamW8bit(self._weights, bf16_stochastic_round=True, **settings)
            self._eager = student.device == "cpu"  # torchao compiles its step, which on a CPU takes a C++ compiler
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._adamw, lambda step: rate_at(step, steps, params.learning_rate, params.warmup_fraction)
        )

    @property
    def rate(self) -> float:
        """Learning rate of the next step."""
        return float(self._schedule.get_last_lr()[0])

    def clip(self) -> float:
        """Cut the gradient to the greatest norm allowed; returns its norm before that."""
        import torch

        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if not norm <= self._max_grad_norm:  # else they stay as they are, without another pass over them
            torch.nn.utils.clip_grads_with_norm_(self._weights, self._max_grad_norm, norm)
        return float(norm)

    def step(self) -> None:
        """Make a step along the gradient, and drop it."""
        import torch

        with torch.compiler.set_stance("force_eager") if self._eager else nullcontext():
            self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
        self._schedule.step()

    def state(self) -> dict[str, Any]:
        """What ``restore`` takes."""
        return {"adamw": self._adamw.state_dict(), "schedule": self._schedule.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where the optimizer was that ``state`` is of."""
        self._adamw.load_state_dict(state["adamw"])
        self._schedule.load_state_dict(state["schedule"])
