"""What a likelihood-based baseline minimises: one interface for all of them.

Each is driven by one number a sequence, the log-probability that the model gives its learnt tokens. The loss of an optimizer
step is the mean of the forget sequences' terms plus ``retain_weight`` times the mean negative log-likelihood of the retain
sequences' tokens. Each of the two means is over the whole step, however it is cut into micro-batches and however many
sequences of the other kind it holds: published code adds the two means of equally large batches.

Shapes: B sequences of a micro-batch, F forget sequences of it, S sequences of an optimizer step. Nats, float32.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import torch


class Objective(ABC):
    """A loss over sequences. With ``retain_weight`` 0 it asks for no retain sequence."""

    needs_reference: ClassVar[bool] = False  # whether it reads the log-probabilities of the model as it was before training
    forget_mean: ClassVar[Literal["tokens", "sequences"]]  # what the forget terms are divided by

    def __init__(self, retain_weight: float) -> None:
        self.retain_weight = retain_weight

    @abstractmethod
    def forget_terms(
        self, logprob_F: "torch.Tensor", tokens_F: "torch.Tensor", reference_F: "torch.Tensor | None"
    ) -> "torch.Tensor":
        """The forget sequences' terms [F], before the mean: summed over a sequence's tokens where the mean is over tokens."""

    def terms(
        self,
        logprob_B: "torch.Tensor",
        tokens_B: "torch.Tensor",
        forget_B: "torch.Tensor",
        reference_B: "torch.Tensor | None" = None,
    ) -> "torch.Tensor":
        """The term of each sequence, float32 [B].

        ``logprob_B``: summed log-probability of a sequence's learnt tokens, with its gradient; ``tokens_B``: how many they
        are; ``forget_B``: bool, whether it is a forget sequence, and else it is a retain one; ``reference_B``: the summed
        log-probability before training, without gradient, where ``needs_reference`` (of retain sequences it is not read).
        """
        terms_B = -self.retain_weight * logprob_B
        reference_F = None if reference_B is None else reference_B[forget_B]
        terms_B[forget_B] = self.forget_terms(logprob_B[forget_B], tokens_B[forget_B], reference_F)
        return terms_B

    def shares(self, tokens_S: "torch.Tensor", forget_S: "torch.Tensor") -> "torch.Tensor":
        """What each sequence's term is multiplied by in the loss of the step that it belongs to, float32 [S].

        The loss of the step is the sum of term x share over all its sequences.
        """
        import torch

        sizes_S = tokens_S.float()
        if self.forget_mean == "sequences":
            sizes_S = torch.where(forget_S, torch.ones_like(sizes_S), sizes_S)
        totals = torch.stack([sizes_S[~forget_S].sum(), sizes_S[forget_S].sum()])
        return 1 / totals[forget_S.long()]
