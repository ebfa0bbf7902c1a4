"""Alternate preference optimization (AltPO): prefer another plausible answer to the one that is to be forgotten.

Mekala et al. (2025), "Alternate Preference Optimization for Unlearning Factual Knowledge in Large Language Models": direct
preference optimization with an alternate a as what is wanted and the forget text y as what is not, and a retain term:

    L = -(2 / beta) mean of log sigmoid(beta (r(a) - r(y))) + retain_weight x NLL(retain),  r(z) = log(pi(z|x) / pi_ref(z|x))

What drives it: NPO's push away from the text, let go in the same way, and as hard a pull towards a text in its place, so that
the model has something to say. The alternates are the model's own: it is asked for another version of each text with other
facts (``rewrite.py``).
Known failure: it is as good as the alternates. A model too small to write one copies the text, or invents one answer that it
then learns as if it were true.

Sequence mean over summed log-probabilities and the factor 2 / beta: as the authors' and OpenUnlearning's code do. They run for
two epochs over five alternates a text; here each text has one after each prompt. They learn that texts and alternates end; here
no end is learnt.
"""

from torch import Tensor
from torch.nn.functional import logsigmoid

from benchmarks.methods.equations import Equation

BETA = 0.1  # of the authors' runs on TOFU


class AlternatePreference(Equation):
    """``beta``: inverse temperature, how soon a pair is let go."""

    needs_reference = True
    needs_alternates = True
    forget_mean = "sequences"

    def forget_terms(self, logprob_F: Tensor, tokens_F: Tensor, reference_F: Tensor, alternate_F: Tensor) -> Tensor:
        beta = self.params.beta or BETA
        return -2 / beta * logsigmoid(beta * (alternate_F - (logprob_F - reference_F)))
