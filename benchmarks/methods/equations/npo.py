"""Negative preference optimization (NPO): gradient ascent that lets go of a text once it has become unlikely.

Zhang et al. (2024), "Negative Preference Optimization: From Catastrophic Collapse to Effective Unlearning", equation 3, with
the retain term of its variant NPO+RT:

    L = -(2 / beta) mean of log sigmoid(-beta log(pi(y|x) / pi_ref(y|x))) + retain_weight x NLL(retain)

What drives it: the gradient is that of gradient ascent on the sequence's log-probability times 2 p / (p + 1), where
p = (pi / pi_ref) ^ beta: 1 at the start, towards 0 as the text becomes less likely than it was. For beta -> 0 it stays 1, and
NPO is gradient ascent (their proposition 1).
Known failure: the brake looks at the likelihood relative to the model before training, so a text that the model hardly knew is
pushed down as far as one that it knew by heart, and the first steps are plain ascent (Fan et al., 2024). The ratio is of whole
sequences, so a long one is let go after a smaller change a token than a short one.

Sequence mean over summed log-probabilities: as the paper and OpenUnlearning do; the retain NLL is a token mean there and here.
So at the start the forget term pulls |y| times as hard as gradient difference's at the same ``retain_weight``.
"""

from torch import Tensor
from torch.nn.functional import logsigmoid

from benchmarks.methods.equations import Equation

BETA = 0.1  # of the paper's TOFU runs, and of OpenUnlearning


class NegativePreference(Equation):
    """``beta``: inverse temperature, how soon the brake works."""

    needs_reference = True
    forget_mean = "sequences"

    def forget_terms(self, logprob_F: Tensor, tokens_F: Tensor, reference_F: Tensor, alternate_F: Tensor) -> Tensor:
        beta = self.params.beta or BETA
        return -2 / beta * logsigmoid(-beta * (logprob_F - reference_F))
