"""AdamW over a student's weights: cut the gradient, make a step, drop the gradient.

Bytes a weight, of weights, gradients and AdamW's two states together: 16 in float32. In bfloat16 it is 6, since torchao keeps
each state in 8 bits by blocks of 256 (Dettmers et al., 2022). A bfloat16 weight has 8 significant bits, so that many steps of
unlearning are smaller than half its last bit and would be rounded away; rounded up or down by chance, in proportion, they are
kept in the mean.
"""

from contextlib import nullcontext
from typing import Any, Protocol

from pipeline.distill.student import Student
from pipeline.errors import InputError
from pipeline.params import Precision

BETAS = (0.9, 0.95)


class OptimizerParams(Protocol):
    """What the sections of params.yaml that train have in common."""

    @property
    def learning_rate(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def max_grad_norm(self) -> float: ...
    @property
    def precision(self) -> Precision: ...


def _adamw8bit() -> Any:
    try:
        from torchao.optim import AdamW8bit
    except ImportError as error:
        raise InputError(
            f"precision 'bfloat16' needs torchao, which can't be imported ({error}); install obliviate[gpu], or set it to "
            "'float32'."
        ) from error
    return AdamW8bit


class Optimizer:
    """AdamW in the precision of ``params``, over all weights of ``student``.

    Raises InputError for bfloat16 where torchao is missing.
    """

    def __init__(self, student: Student, params: OptimizerParams) -> None:
        import torch

        self._weights = list(student.model.parameters())
        self._max_grad_norm = params.max_grad_norm
        self._eager = False
        settings: dict[str, Any] = {"lr": params.learning_rate, "weight_decay": params.weight_decay, "betas": BETAS}
        if params.precision == "float32":
            self._adamw: torch.optim.Optimizer = torch.optim.AdamW(self._weights, fused=True, **settings)
        else:
            self._adamw = _adamw8bit()(self._weights, bf16_stochastic_round=True, **settings)
            self._eager = student.device == "cpu"  # torchao compiles its step, which on a CPU takes a C++ compiler

    def clip(self) -> float:
        """Cut the gradient to the greatest norm allowed; returns its norm before that."""
        import torch

        return float(torch.nn.utils.clip_grad_norm_(self._weights, self._max_grad_norm))

    def step(self, rate: float) -> None:
        """Make a step of ``rate`` along the gradient, and drop it."""
        import torch

        for group in self._adamw.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        with torch.compiler.set_stance("force_eager") if self._eager else nullcontext():
            self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
