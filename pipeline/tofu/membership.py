"""Membership inference: can one tell from a model's log-probabilities that a text was in its training data.

Each score takes the log-probabilities of one text's tokens, in nats, and is the higher, the more the text looks like a member;
OpenUnlearning's and MUSE's scores are the same with the sign turned. For TOFU members are the forget rows, and non-members are
rows no model was trained on.

T tokens of the text, V vocabulary.
"""

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

SHARE = 0.4  # of the tokens that min-k takes: MUSE's and OpenUnlearning's choice; Shi et al. report 0.2
LEAST_VARIANCE = 1e-6  # nats squared, as OpenUnlearning; a distribution that is sure of one token has none


def _tokens(logprobs_T: "ArrayLike") -> "NDArray[np.float64]":
    import numpy as np

    values = np.asarray(logprobs_T, dtype=np.float64)
    if not len(values) or np.isnan(values).any():
        raise ValueError(
            f"a membership score needs the log-probability of at least one token and no NaN, got {values.tolist()}"
        )
    return values


def _mean_of_least(values_T: "NDArray[np.float64]", share: float) -> float:
    import numpy as np

    if not 0 < share <= 1:
        raise ValueError(f"min-k takes a share of the tokens above 0 and up to 1, got {share}")
    return float(np.sort(values_T)[: max(1, int(share * len(values_T)))].mean())


def loss_score(logprobs_T: "ArrayLike") -> float:
    """Mean log-probability, the loss with its sign turned (Yeom et al., "Privacy risk in machine learning", 2018).

    Raises ValueError, as all scores do, for a text of no tokens or a NaN.
    """
    return float(_tokens(logprobs_T).mean())


def zlib_score(logprobs_T: "ArrayLike", text: str) -> float:
    """Mean log-probability over the bytes zlib makes of ``text``, so that a text easy for anyone does not count as known.

    Source: Carlini et al., "Extracting training data from large language models" (2021), ratio of log-perplexity and zlib
    entropy. Mean, not sum, of the log-probabilities, as in the published code; ``text`` is what the tokens spell, in UTF-8.
    """
    return loss_score(logprobs_T) / len(zlib.compress(text.encode("utf-8")))


def min_k_score(logprobs_T: "ArrayLike", share: float = SHARE) -> float:
    """Mean log-probability of the ``share`` least probable tokens, rounded down to whole tokens but at least one.

    Source: Shi et al., "Detecting pretraining data from large language models" (2024), min-k % prob.
    """
    return _mean_of_least(_tokens(logprobs_T), share)


def vocabulary_moments(logprobs_TV: "ArrayLike") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Mean and standard deviation of the log-probability of a token drawn from the model, at each of T places.

    mu = sum over v of p_v log p_v, sigma^2 = sum over v of p_v (log p_v - mu)^2, with 0 log 0 = 0. Both are weighted by the
    model's own distribution, not plain over the vocabulary (Zhang et al., 2024).
    """
    import numpy as np

    logprobs = np.asarray(logprobs_TV, dtype=np.float64)
    probs = np.exp(logprobs)
    finite = np.where(probs > 0, logprobs, 0.0)
    mean_T = (probs * finite).sum(-1)
    variance_T = (probs * (finite - mean_T[..., None]) ** 2).sum(-1)
    return mean_T, np.sqrt(variance_T)


def min_k_plus_plus_score(logprobs_T: "ArrayLike", mean_T: "ArrayLike", std_T: "ArrayLike", share: float = SHARE) -> float:
    """Min-k over (log p - mu) / sigma: how much more probable a token is than the model's others at its place.

    Source: Zhang et al., "Min-K%++: improved baseline for detecting pre-training data from large language models" (2024).
    ``mean_T`` and ``std_T`` are ``vocabulary_moments``; a variance below 1e-6 counts as that, where the paper's code divides
    by zero.
    """
    import numpy as np

    logprobs, mean, std = _tokens(logprobs_T), _tokens(mean_T), _tokens(std_T)
    if not len(logprobs) == len(mean) == len(std):
        raise ValueError(f"min-k++ needs a mean and a deviation a token; got {len(mean)} and {len(std)} for {len(logprobs)}")
    return _mean_of_least((logprobs - mean) / np.maximum(std, np.sqrt(LEAST_VARIANCE)), share)


def auc(members: "ArrayLike", non_members: "ArrayLike") -> float:
    """Area under the ROC curve: the probability that a member's score is above a non-member's, ties counting half.

    Raises ValueError for an empty side or a NaN; infinite scores are ordered like any other.
    """
    import numpy as np
    from scipy.stats import mannwhitneyu

    positive, negative = (np.asarray(scores, dtype=np.float64) for scores in (members, non_members))
    for name, scores in (("members", positive), ("non-members", negative)):
        if not len(scores) or np.isnan(scores).any():
            raise ValueError(f"an AUC needs at least one score of {name} and no NaN, got {len(scores)} scores")
    # Its statistic is the number of pairs in which the first is above, and does not depend on the method of the p-value.
    return float(mannwhitneyu(positive, negative, method="asymptotic").statistic) / (len(positive) * len(negative))


def relative_auc_difference(unlearned_auc: float, retrained_auc: float) -> float:
    """(A_unlearned - A_retrained) / A_retrained, a share; above 0 the unlearned model gives its members away more.

    A is ``auc`` of members; times 100 it is OpenUnlearning's rel_diff. Raises ValueError for a retrained AUC of 0.
    """
    if retrained_auc == 0:
        raise ValueError("the relative difference from a retrained AUC of 0 is undefined")
    return (unlearned_auc - retrained_auc) / retrained_auc


def privleak(unlearned_auc: float, retrained_auc: float) -> float:
    """MUSE's PrivLeak, in percent, from ``auc`` of members (both by one score; MUSE takes min-k at 0.4).

        100 * ((1 - A_unlearned) - (1 - A_retrained)) / (1 - A_retrained)

    0: the members look as they do to a model that never saw them. Below 0 they were not forgotten enough, above 0 too much:
    they stand out as less probable than unseen text. Source: Shi et al., "MUSE: machine unlearning six-way evaluation for
    language models" (2024). MUSE's own AUC counts forget rows as the negative class, hence 1 - A, as OpenUnlearning does.
    There is no default for the retrained AUC (OpenUnlearning falls back on 0.5): without a retrained model there is no
    PrivLeak. Raises ValueError for a retrained AUC of 1.
    """
    if retrained_auc == 1:
        raise ValueError("PrivLeak from a retrained AUC of 1 is undefined")
    return 100 * relative_auc_difference(1 - unlearned_auc, 1 - retrained_auc)
