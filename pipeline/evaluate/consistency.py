"""Self-consistency: how much sampled answers to one question agree.

A model that knows says the same again; one that guesses does not. The measure is the mean ROUGE-L F1 over all pairs of answers
(for hallucination avoidance the paper counts refusals, section 4.1; a small model can't refuse, so its guesses are told by
their disagreement). 1 is always the same words, 0 is no word in common.
"""

from collections.abc import Sequence
from itertools import combinations

from pipeline.evaluate.rouge import rouge_l_f1


def self_consistency(answers: Sequence[str]) -> float | None:
    """Mean pairwise ROUGE-L F1 of ``answers``; None for fewer than two."""
    pairs = [rouge_l_f1(one, other) for one, other in combinations(answers, 2)]
    return sum(pairs) / len(pairs) if pairs else None
