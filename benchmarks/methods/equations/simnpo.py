"""Simple negative preference optimization (SimNPO): NPO without a reference, by the likelihood a token.

Fan et al. (2024), "Simplicity Prevails: Rethinking Negative Preference Optimization for LLM Unlearning", the loss l_SimNPO:

    L = -(2 / beta) mean of log sigmoid(-(beta / |y|) log pi(y|x) - gamma) + retain_weight x NLL(retain)

What drives it: the gradient is that of gradient ascent on the log-probability a token times 2 p / (p + 1), where
p = exp(gamma) pi ^ (beta / |y|). A sequence is let go once its own likelihood a token is low, whatever it was before; a
gamma above 0 asks for a lower one.
Known failure: nothing ties it to the model before training, so text is pushed down that the model never knew, and all the more
the common words in it; it leans on its retain term and on a beta that fits the text (the authors' differ from 2.5 to 5.5).

Sequence mean of a mean over tokens: as the paper and OpenUnlearning do. The sign and place of gamma are the paper's. In
OpenUnlearning and in the authors' code the margin stands inside the bracket, beta x (NLL / |y| - delta): gamma = beta x delta,
and the forget term counts 0.125 (``forget_weight``, here 1 unless it is given).
"""

from torch import Tensor
from torch.nn.functional import logsigmoid

from benchmarks.methods.equations import Equation

BETA = 4.5  # of the authors' run on TOFU forget10, and of OpenUnlearning


class SimpleNegativePreference(Equation):
    """``beta``: inverse temperature a token; ``gamma``: margin, in units of beta x nats a token."""

    forget_mean = "sequences"

    def forget_terms(self, logprob_F: Tensor, tokens_F: Tensor, reference_F: Tensor, alternate_F: Tensor) -> Tensor:
        beta = self.params.beta or BETA
        return -2 / beta * logsigmoid(-beta * logprob_F / tokens_F - self.params.gamma)
