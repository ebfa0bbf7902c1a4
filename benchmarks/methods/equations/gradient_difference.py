"""Gradient difference (GradDiff): ascend on the forget text, descend on the retain text.

Liu et al. (2022), "Continual Learning and Private Unlearning"; TOFU (Maini et al., 2024), section 3:

    L = -NLL(forget) + retain_weight x NLL(retain)

each NLL the mean over tokens, as OpenUnlearning and the code of TOFU do (two cross entropies, added).

What drives it: gradient ascent, with a counterweight that is felt where retain text and forget text share weights.
Known failure: the forget term is still unbounded below and the retain term bounded by 0, so the ascent wins in the end; until
then what is kept is what resembles the retain text, and answers about the target turn to gibberish.
"""

from benchmarks.methods.equations.gradient_ascent import GradientAscent


class GradientDifference(GradientAscent):
    """Gradient ascent with a retain term."""

    has_retain_term = True
