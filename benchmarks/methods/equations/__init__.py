"""What a likelihood-based baseline minimises: one file an equation, named as ``baseline.objective`` names it, with one class.

Each is driven by one number a sequence, the log-probability that the model gives its learnt tokens. The loss of an optimizer
step is ``forget_weight`` times the mean of the forget sequences' terms, plus ``retain_weight`` times the mean negative
log-likelihood of the retain sequences' tokens. Each of the two means is over the whole step, however it is cut into
micro-batches and however many sequences of the other kind it holds: published code adds the two means of equally large batches.

Shapes: B sequences of a micro-batch, F forget sequences of it (with as many alternates, or none), S sequences of an optimizer
step. Nats, float32.
"""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import ClassVar, Literal

import torch
from torch import Tensor

from benchmarks.methods.example import KINDS
from benchmarks.methods.params import BaselineParams


class Equation(ABC):
    """A loss over sequences, with the parameters that it takes. With ``retain_weight`` 0 it asks for no retain sequence."""

    linear: ClassVar[bool] = False  # in the log-probabilities, so that its gradient is known before they are
    needs_reference: ClassVar[bool] = False  # whether it reads the log-probabilities of the model as it was before training
    needs_alternates: ClassVar[bool] = False  # whether each forget sequence has another beside it, to be said in its place
    has_retain_term: ClassVar[bool] = True
    forget_mean: ClassVar[Literal["tokens", "sequences"]]  # what the forget terms are divided by

    def __init__(self, params: BaselineParams) -> None:
        self.params = params
        self.retain_weight = params.retain_weight if self.has_retain_term else 0.0

    @abstractmethod
    def forget_terms(self, logprob_F: Tensor, tokens_F: Tensor, reference_F: Tensor, alternate_F: Tensor) -> Tensor:
        """The forget sequences' terms [F], before the mean: summed over a sequence's tokens where the mean is over tokens.

        ``alternate_F``: of their alternates, the log-probability less the reference; empty without ``needs_alternates``.
        """

    def terms(self, logprob_B: Tensor, tokens_B: Tensor, kind_B: Tensor, reference_B: Tensor) -> Tensor:
        """The term of each sequence, float32 [B]; an alternate's is part of its forget sequence's, and 0 itself.

        ``logprob_B``: summed log-probability of a sequence's learnt tokens, with its gradient; ``tokens_B``: how many they
        are; ``kind_B``: its place in KINDS, forget sequences and their alternates in the same order; ``reference_B``: the
        summed log-probability before training, without gradient, where ``needs_reference`` (of retain ones it is not read).
        """
        forget_B, retain_B, alternate_B = (kind_B == KINDS.index(kind) for kind in ("forget", "retain", "alternate"))
        terms_B = torch.where(retain_B, -self.retain_weight * logprob_B, 0.0)
        alternate_F = (logprob_B - reference_B)[alternate_B]
        forget_F = self.forget_terms(logprob_B[forget_B], tokens_B[forget_B], reference_B[forget_B], alternate_F)
        terms_B[forget_B] = self.params.forget_weight * forget_F
        return terms_B

    def shares(self, tokens_S: Tensor, kind_S: Tensor) -> Tensor:
        """What each sequence's term is multiplied by in the loss of its step, which is the sum of these, float32 [S]."""
        sizes_S = tokens_S.float()
        if self.forget_mean == "sequences":
            sizes_S = torch.where(kind_S == KINDS.index("forget"), 1.0, sizes_S)
        totals = torch.stack([sizes_S[kind_S == number].sum() for number in range(len(KINDS))])
        return 1 / totals[kind_S]


def equation_of(params: BaselineParams) -> Equation:
    """The equation that ``params.objective`` names."""
    module = import_module(f"{__name__}.{params.objective}")
    (kind,) = (one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__)
    equation: Equation = kind(params)
    return equation
