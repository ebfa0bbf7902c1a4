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

from typing import TYPE_CHECKING

from pipeline.baselines.objective import Objective

if TYPE_CHECKING:
    import torch


class NegativePreference(Objective):
    """``beta``: inverse temperature, how soon the brake works."""

    needs_reference = True
    forget_mean = "sequences"

    def __init__(self, retain_weight: float, beta: float) -> None:
        super().__init__(retain_weight)
        self._beta = beta

    def forget_terms(
        self, logprob_F: "torch.Tensor", tokens_F: "torch.Tensor", reference_F: "torch.Tensor | None"
    ) -> "torch.Tensor":
        """See Objective.forget_terms."""
        from torch.nn.functional import logsigmoid

        assert reference_F is not None
        return -2 / self._beta * logsigmoid(-self._beta * (logprob_F - reference_F))
