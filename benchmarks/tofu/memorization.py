"""Memorization: what a model's log-probabilities at the tokens of a text tell of its training data.

Extraction strength and exact memorization: how much of an answer the model says word for word. Both need, for every token of
the right answer, whether it is the model's most probable one after the question and the answer's tokens before it. That is one
forward pass, no generation: where all tokens from k on are the most probable, greedy decoding after the first k says just
these, since it never leaves the answer. Sources: Carlini et al., "Extracting training data from large language models" (2021)
and Tirumala et al., "Memorization without overfitting" (2022), for unlearning Wang et al., "Towards effective evaluations and
comparisons for LLM unlearning methods" (2025), as collected in OpenUnlearning (Dorna et al., 2025).

Membership scores: whether a text was in the training data at all. Each takes the log-probabilities of one text's tokens, in
nats, and is the higher, the more the text looks like a member; OpenUnlearning's and MUSE's scores are the same with the sign
turned. For TOFU members are the forget rows, and non-members are rows no model was trained on. They raise ValueError for a text
of no tokens or a NaN.

T tokens of the text, V vocabulary.
"""

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

SHARE = 0.4  # of the tokens that min-k takes: MUSE's and OpenUnlearning's choice; Shi et al. report 0.2
LEAST_VARIANCE = 1e-6  # nats squared, as OpenUnlearning; a distribution that is sure of one token has none


def extraction_strength(correct_T: "ArrayLike") -> float | None:
    """1 - min{k : greedy decoding after the first k tokens says the rest} / length, from an answer's correctness by token.

    1: the question alone draws out the whole answer. 0: its last token is wrong, so nothing is drawn out and k is the length;
    OpenUnlearning's loop stops one short and gives 1 / length there. None for an empty answer (OpenUnlearning: 0).
    """
    import numpy as np

    correct = np.asarray(correct_T, dtype=bool)
    needed = 1 + max(np.flatnonzero(~correct), default=-1)
    return float(1 - needed / len(correct)) if len(correct) else None


def exact_memorization(correct_T: "ArrayLike") -> float | None:
    """Share of an answer's tokens that are the model's most probable; None for an empty answer."""
    import numpy as np

    correct = np.asarray(correct_T, dtype=bool)
    return float(correct.mean()) if len(correct) else None


def loss_score(logprobs_T: "ArrayLike") -> float:
    """Mean log-probability, the loss with its sign turned (Yeom et al., "Privacy risk in machine learning", 2018)."""
    return float(_numbers(logprobs_T, "a membership score").mean())


def zlib_score(logprobs_T: "ArrayLike", text: str) -> float:
    """Mean log-probability over the bytes zlib makes of ``text``, so that a text easy for anyone does not count as known.

    Source: Carlini et al. (2021), ratio of log-perplexity and zlib entropy. Mean, not sum, of the log-probabilities, as in the
    published code; ``text`` is what the tokens spell, in UTF-8.
    """
    return loss_score(logprobs_T) / len(zlib.compress(text.encode("utf-8")))


def min_k_score(logprobs_T: "ArrayLike") -> float:
    """Mean log-probability of the ``SHARE`` least probable tokens, rounded down to whole tokens but at least one.

    Source: Shi et al., "Detecting pretraining data from large language models" (2024), min-k % prob.
    """
    least = sorted(_numbers(logprobs_T, "a membership score"))
    return loss_score(least[: max(1, int(SHARE * len(least)))])


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
    return mean_T, np.sqrt((probs * (finite - mean_T[..., None]) ** 2).sum(-1))


def min_k_plus_plus_score(logprobs_T: "ArrayLike", mean_T: "ArrayLike", std_T: "ArrayLike") -> float:
    """Min-k over (log p - mu) / sigma: how much more probable a token is than the model's others at its place.

    Source: Zhang et al., "Min-K%++: improved baseline for detecting pre-training data from large language models" (2024).
    ``mean_T`` and ``std_T`` are ``vocabulary_moments``; a variance below 1e-6 counts as that, where the paper's code divides
    by zero. Raises ValueError for other than one mean and one deviation a token.
    """
    import numpy as np

    logprobs, mean, std = (np.asarray(values, dtype=np.float64) for values in (logprobs_T, mean_T, std_T))
    if not len(logprobs) == len(mean) == len(std):
        raise ValueError(f"min-k++ needs a mean and a deviation a token; got {len(mean)} and {len(std)} for {len(logprobs)}")
    return min_k_score((logprobs - mean) / np.maximum(std, np.sqrt(LEAST_VARIANCE)))


def auc(members: "ArrayLike", non_members: "ArrayLike") -> float:
    """Area under the ROC curve: the probability that a member's score is above a non-member's, ties counting half.

    Raises ValueError for an empty side or a NaN; infinite scores are ordered like any other.
    """
    from scipy.stats import mannwhitneyu

    positive, negative = _numbers(members, "an AUC's members"), _numbers(non_members, "an AUC's non-members")
    # Its statistic is the number of pairs in which the first is above, and does not depend on the method of the p-value.
    return float(mannwhitneyu(positive, negative, method="asymptotic").statistic) / (len(positive) * len(negative))


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
    return 100 * (((1 - unlearned_auc) - (1 - retrained_auc)) / (1 - retrained_auc))


def _numbers(values: "ArrayLike", name: str) -> "NDArray[np.float64]":
    import numpy as np

    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers) or np.isnan(numbers).any():
        raise ValueError(f"{name}: at least one number and no NaN is needed, got {numbers.tolist()}")
    return numbers
