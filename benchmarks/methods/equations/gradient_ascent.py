"""Gradient ascent (GA): undo the training by running it backwards.

Jang et al. (2023), "Knowledge Unlearning for Mitigating Privacy Risks in Language Models", equation 1; TOFU (Maini et al.,
2024), section 3. The loss is the log-likelihood of the forget text, mean over tokens:

    L = sum of log pi(y|x) / sum of |y|

What drives it: each token of the forget text counts the same, whether the model still expects it or not, so it pushes as hard
at the end as at the beginning, and on "the" as hard as on a fact.
Known failure: it is unbounded below. The likelihood falls without end, the damage spreads to everything that shares weights
with the text, and the model soon repeats single tokens. How far it goes is set by learning rate and epochs alone.

Token mean: as OpenUnlearning and the code of TOFU do (the cross entropy of a batch, negated). Jang et al. write the sum over a
sequence; the optimizer, which is invariant to the scale of the loss, sees no difference but in how sequences weigh.
"""

from torch import Tensor

from benchmarks.methods.equations import Equation


class GradientAscent(Equation):
    """Reads no retain text."""

    linear = True
    has_retain_term = False
    forget_mean = "tokens"

    def forget_terms(self, logprob_F: Tensor, tokens_F: Tensor, reference_F: Tensor, alternate_F: Tensor) -> Tensor:
        return logprob_F
