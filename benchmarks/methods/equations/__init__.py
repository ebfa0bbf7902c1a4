"""What a likelihood-based baseline minimises: one file an equation, named as ``baseline.objective`` names it, with one class.

Each is driven by one number a sequence, the log-probability that the model gives its learnt tokens. The loss of an optimizer
step is the mean of the forget sequences' terms plus ``retain_weight`` times the mean negative log-likelihood of the retain
sequences' tokens. Each of the two means is over the whole step, however it is cut into micro-batches and however many
sequences of the other kind it holds: published code adds the two means of equally large batches.

Shapes: B sequences of a micro-batch, F forget sequences of it, S sequences of an optimizer step. Nats, float32.
"""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import ClassVar, Literal

import torch
from torch import Tensor

from benchmarks.methods.params import BaselineParams


class Equation(ABC):
    """A loss over sequences, with the parameters that it takes. With ``retain_weight`` 0 it asks for no retain sequence."""

    linear: ClassVar[bool] = False  # in the log-probabilities, so that its gradient is known before they are
    needs_reference: ClassVar[bool] = False  # whether it reads the log-probabilities of the model as it was before training
    has_retain_term: ClassVar[bool] = True
    forget_mean: ClassVar[Literal["tokens", "sequences"]]  # what the forget terms are divided by

    def __init__(self, params: BaselineParams) -> None:
        self.params = params
        self.retain_weight = params.retain_weight if self.has_retain_term else 0.0

    @abstractmethod
    def forget_terms(self, logprob_F: Tensor, tokens_F: Tensor, reference_F: Tensor) -> Tensor:
        """The forget sequences' terms [F], before the mean: summed over a sequence's tokens where the mean is over tokens."""

    def terms(self, logprob_B: Tensor, tokens_B: Tensor, forget_B: Tensor, reference_B: Tensor) -> Tensor:
        """The term of each sequence, float32 [B].

        ``logprob_B``: summed log-probability of a sequence's learnt tokens, with its gradient; ``tokens_B``: how many they
        are; ``forget_B``: bool, whether it is a forget sequence, and else it is a retain one; ``reference_B``: the summed
        log-probability before training, without gradient, where ``needs_reference`` (of retain sequences it is not read).
        """
        terms_B = -self.retain_weight * logprob_B
        terms_B[forget_B] = self.forget_terms(logprob_B[forget_B], tokens_B[forget_B], reference_B[forget_B])
        return terms_B

    def shares(self, tokens_S: Tensor, forget_S: Tensor) -> Tensor:
        """What each sequence's term is multiplied by in the loss of its step, which is the sum of these, float32 [S]."""
        sizes_S = tokens_S.float()
        if self.forget_mean == "sequences":
            sizes_S = torch.where(forget_S, torch.ones_like(sizes_S), sizes_S)
        totals = torch.stack([sizes_S[~forget_S].sum(), sizes_S[forget_S].sum()])
        return 1 / totals[forget_S.long()]


def equation_of(params: BaselineParams) -> Equation:
    """The equation that ``params.objective`` names."""
    module = import_module(f"{__name__}.{params.objective}")
    (kind,) = (one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__)
    equation: Equation = kind(params)
    return equation
