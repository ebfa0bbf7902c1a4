"""Gradient difference (GradDiff): ascend on the forget text, descend on the retain text.

Liu et al. (2022), "Continual Learning and Private Unlearning"; TOFU (Maini et al., 2024), section 3:

    L = -NLL(forget) + retain_weight x NLL(retain)

each NLL the mean over tokens, as OpenUnlearning and the code of TOFU do (two cross entropies, added).

What drives it: gradient ascent, with a counterweight that is felt where retain text and forget text share weights.
Known failure: the forget term is still unbounded below and the retain term bounded by 0, so the ascent wins in the end; until
then what is kept is what resembles the retain text, and answers about the target turn to gibberish.
"""

from typing import TYPE_CHECKING

from pipeline.baselines.objective import Objective

if TYPE_CHECKING:
    import torch


class GradientDifference(Objective):
    """Gradient ascent with a retain term."""

    forget_mean = "tokens"

    def forget_terms(
        self, logprob_F: "torch.Tensor", tokens_F: "torch.Tensor", reference_F: "torch.Tensor | None"
    ) -> "torch.Tensor":
        """See Objective.forget_terms."""
        return logprob_F
