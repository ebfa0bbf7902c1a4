"""Simple negative preference optimization (SimNPO): NPO without a reference, by the likelihood a token.

Fan et al. (2024), "Simplicity Prevails: Rethinking Negative Preference Optimization for LLM Unlearning", the loss l_SimNPO:

    L = -(2 / beta) mean of log sigmoid(-(beta / |y|) log pi(y|x) - gamma) + retain_weight x NLL(retain)

What drives it: the gradient is that of gradient ascent on the log-probability a token times 2 p / (p + 1), where
p = exp(gamma) pi ^ (beta / |y|). A sequence is let go once its own likelihood a token is low, whatever it was before; a
gamma above 0 asks for a lower one.
Known failure: nothing ties it to the model before training, so text is pushed down that the model never knew, and all the more
the common words in it; it leans on its retain term and on a beta that fits the text (the authors' differ from 2.5 to 5.5).

Sequence mean of a mean over tokens: as the paper and OpenUnlearning do. The sign and place of gamma are the paper's. In
OpenUnlearning and in the authors' code the margin stands inside the bracket, beta x (NLL / |y| - delta): gamma = beta x delta.
"""

from typing import TYPE_CHECKING

from pipeline.baselines.objective import Objective

if TYPE_CHECKING:
    import torch


class SimpleNegativePreference(Objective):
    """``beta``: inverse temperature a token; ``gamma``: margin, in units of beta x nats a token."""

    forget_mean = "sequences"

    def __init__(self, retain_weight: float, beta: float, gamma: float) -> None:
        super().__init__(retain_weight)
        self._beta, self._gamma = beta, gamma

    def forget_terms(
        self, logprob_F: "torch.Tensor", tokens_F: "torch.Tensor", reference_F: "torch.Tensor | None"
    ) -> "torch.Tensor":
        """See Objective.forget_terms."""
        from torch.nn.functional import logsigmoid

        return -2 / self._beta * logsigmoid(-self._beta * logprob_F / tokens_F - self._gamma)
