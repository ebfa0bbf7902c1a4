"""What the log-probabilities of answers say: truth ratio and forget quality, memorization, membership. Nats.

Truth ratio, how probable the wrong answers to a question are beside the right one in other words:

    R = P_wrong / P_right,  P_right = exp(-loss of the paraphrased answer)

A loss is the mean over an answer's tokens, so exp(-loss) is the probability of the answer normalised by its length. R is near
0 for a model that knows, and near 1 for one that does not. Two definitions of P_wrong are in use:

- arithmetic, the mean of the wrong answers' probabilities: Maini et al., "TOFU: A Task of Fictitious Unlearning for LLMs"
  (2024), section 2.2;
- geometric, exp(-mean of the wrong answers' losses): the code released with that paper (aggregate_eval_stat.py), and
  OpenUnlearning (Dorna et al., 2025). Published tables rest on this one.

The arithmetic R is never the smaller. The released code writes R upside down (right / wrong) and turns it back where it takes
the mean; the values here are wrong / right throughout.

Extraction strength and exact memorization, how much of an answer the model says word for word, need for every token of the
right answer whether it is the model's most probable one after the question and the answer's tokens before it. That is one
forward pass, no generation: where all tokens from k on are the most probable, greedy decoding after the first k says just
these. Sources: Carlini et al., "Extracting training data from large language models" (2021) and Tirumala et al., "Memorization
without overfitting" (2022), for unlearning Wang et al., "Towards effective evaluations and comparisons for LLM unlearning
methods" (2025), as collected in OpenUnlearning. Both are None for an empty answer.

Membership scores, whether a text was in the training data at all, take the log-probabilities of one text's tokens, and are the
higher, the more it looks like a member; OpenUnlearning's and MUSE's are the same with the sign turned. For TOFU members are
the forget rows, and non-members rows that no model was trained on. They raise ValueError for a text of no tokens or a NaN.

T tokens of a text, V vocabulary.
"""

import zlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ks_2samp, mannwhitneyu

Combination = Literal["geometric", "arithmetic"]
SHARE = 0.4  # of the tokens that min-k takes: MUSE's and OpenUnlearning's choice; Shi et al. report 0.2
LEAST_VARIANCE = 1e-6  # nats squared, as OpenUnlearning; a distribution that is sure of one token has none


def truth_ratio(paraphrased_loss: float, perturbed_losses: Sequence[float], combination: Combination) -> float:
    """R of one question, from the loss of its paraphrased answer and the losses of its wrong ones.

    0 where the wrong answers have no probability, inf where the right one has none. Raises ValueError where neither has
    (0 / 0), a loss is not a number, or there are no wrong answers.
    """
    logprobs = -np.asarray(perturbed_losses, dtype=np.float64)
    if not len(logprobs):
        raise ValueError("a truth ratio needs at least one wrong answer, got none")
    with np.errstate(over="ignore", invalid="ignore"):
        wrong = logprobs.mean() if combination == "geometric" else np.logaddexp.reduce(logprobs) - np.log(len(logprobs))
        ratio = float(np.exp(wrong + paraphrased_loss))
    return _defined(ratio, f"truth ratio of the paraphrased loss {paraphrased_loss} and the wrong answers' {perturbed_losses}")


def share_among_answers(answer_loss: float, perturbed_losses: Sequence[float]) -> float:
    """p_right / (p_right + sum of p_wrong) of one question, p = exp(-loss); 1 for one with no wrong answers.

    Raises ValueError where no answer has any probability or a loss is not a number.
    """
    logprobs = -np.asarray([answer_loss, *perturbed_losses], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        share = float(np.exp(logprobs[0] - np.logaddexp.reduce(logprobs)))
    return _defined(share, f"share among answers of the losses {[answer_loss, *perturbed_losses]}")


def _defined(value: float, name: str) -> float:
    if np.isnan(value):
        raise ValueError(f"the {name} is undefined; one loss must be finite on either side, and none may be NaN")
    return value


def forget_form(ratios: ArrayLike) -> NDArray[np.float64]:
    """min(R, 1 / R), row by row: 1 is a model that cannot tell right from wrong, 0 one that is sure of either.

    Source: the released code of Maini et al. (2024) on the forget split.
    """
    values = np.asarray(ratios, dtype=np.float64)
    with np.errstate(divide="ignore", over="ignore"):
        return np.minimum(values, 1 / values)


def retain_form(ratios: ArrayLike) -> NDArray[np.float64]:
    """max(0, 1 - R), row by row: 1 is a model that knows, 0 one that finds the wrong answers as probable or more so.

    Source: Maini et al. (2024), section 2.2, on the splits that count into model utility.
    """
    return np.maximum(0.0, 1 - np.asarray(ratios, dtype=np.float64))


def forget_quality(ratios: ArrayLike, retain_only_ratios: ArrayLike) -> tuple[float, float]:
    """Whether the forget rows' truth ratios could be those of a model that never saw them (Maini et al., section 2.2).

    The p-value of a two-sample Kolmogorov-Smirnov test, and its D, the largest gap between the two distribution functions.
    Near 1 the two models can't be told apart; below 0.05 they can. It is usually shown as its logarithm. It takes the raw R,
    of which only the order counts, so wrong / right and right / wrong give one p-value, and infinite ratios are ordered like
    any other. scipy's test is two-sided and exact (Hodges, "The significance probability of the Smirnov two-sample test",
    1958; the asymptotic p-value only, with scipy's warning, where the numbers of rows have a least common multiple beyond
    2^31), and takes the values for distinct: with ties the p-value is an upper bound. Raises ValueError for an empty column or
    a NaN in it.
    """
    columns = [
        _numbers(column, f"the {name} model needs at least one truth ratio and no NaN")
        for name, column in (("unlearned", ratios), ("retain-only", retain_only_ratios))
    ]
    test = ks_2samp(*columns, alternative="two-sided", method="exact")
    return float(test.pvalue), float(test.statistic)


def extraction_strength(correct_T: ArrayLike) -> float | None:
    """1 - min{k : greedy decoding after the first k tokens says the rest} / length, from an answer's correctness by token.

    1: the question alone draws out the whole answer. 0: its last token is wrong, so nothing is drawn out and k is the length;
    OpenUnlearning's loop stops one short and gives 1 / length there (and 0 for an empty answer).
    """
    correct = np.asarray(correct_T, dtype=bool)
    needed = 1 + max(np.flatnonzero(~correct), default=-1)
    return float(1 - needed / len(correct)) if len(correct) else None


def exact_memorization(correct_T: ArrayLike) -> float | None:
    """Share of an answer's tokens that are the model's most probable."""
    correct = np.asarray(correct_T, dtype=bool)
    return float(correct.mean()) if len(correct) else None


def loss_score(logprobs_T: ArrayLike) -> float:
    """Mean log-probability, the loss with its sign turned (Yeom et al., "Privacy risk in machine learning", 2018)."""
    return float(_numbers(logprobs_T, "a membership score needs at least one number and no NaN").mean())


def zlib_score(logprobs_T: ArrayLike, text: str) -> float:
    """Mean log-probability over the bytes zlib makes of ``text`` in UTF-8: a text easy for anyone does not count as known.

    Source: Carlini et al. (2021), ratio of log-perplexity and zlib entropy; mean, not sum, as in the published code.
    """
    return loss_score(logprobs_T) / len(zlib.compress(text.encode("utf-8")))


def min_k_score(logprobs_T: ArrayLike) -> float:
    """Mean log-probability of the ``SHARE`` least probable tokens, rounded down to whole tokens but at least one.

    Source: Shi et al., "Detecting pretraining data from large language models" (2024), min-k % prob.
    """
    least = np.sort(_numbers(logprobs_T, "a membership score needs at least one number and no NaN"))
    return loss_score(least[: max(1, int(SHARE * len(least)))])


def vocabulary_moments(logprobs_TV: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of the log-probability of a token drawn from the model, at each of T places.

    mu = sum over v of p_v log p_v, sigma^2 = sum over v of p_v (log p_v - mu)^2, with 0 log 0 = 0. Both are weighted by the
    model's own distribution, not plain over the vocabulary (Zhang et al., 2024).
    """
    logprobs = np.asarray(logprobs_TV, dtype=np.float64)
    probs = np.exp(logprobs)
    finite = np.where(probs > 0, logprobs, 0.0)
    mean_T = (probs * finite).sum(-1)
    return mean_T, np.sqrt((probs * (finite - mean_T[..., None]) ** 2).sum(-1))


def min_k_plus_plus_score(logprobs_T: ArrayLike, mean_T: ArrayLike, std_T: ArrayLike) -> float:
    """Min-k over (log p - mu) / sigma: how much more probable a token is than the model's others at its place.

    Source: Zhang et al., "Min-K%++: improved baseline for detecting pre-training data from large language models" (2024).
    ``mean_T`` and ``std_T`` are ``vocabulary_moments``; a variance below 1e-6 counts as that, where the paper's code divides
    by zero. Raises ValueError for other than one mean and one deviation a token.
    """
    logprobs, mean, std = (np.asarray(values, dtype=np.float64) for values in (logprobs_T, mean_T, std_T))
    if not len(logprobs) == len(mean) == len(std):
        raise ValueError(f"min-k++ needs a mean and a deviation a token; got {len(mean)} and {len(std)} for {len(logprobs)}")
    return min_k_score((logprobs - mean) / np.maximum(std, np.sqrt(LEAST_VARIANCE)))


def auc(members: ArrayLike, non_members: ArrayLike) -> float:
    """Area under the ROC curve: the probability that a member's score is above a non-member's, ties counting half.

    Infinite scores are ordered like any other. Raises ValueError for an empty side or a NaN.
    """
    positive, negative = (
        _numbers(scores, f"an AUC's {name}: at least one number and no NaN is needed")
        for name, scores in (("members", members), ("non-members", non_members))
    )
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


def _numbers(values: ArrayLike, needed: str) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers) or np.isnan(numbers).any():
        raise ValueError(f"{needed}; got {numbers.tolist()}")
    return numbers
