"""Repetition: the share of an answer's word 4-grams that are distinct. 1 is no repetition; collapse shows as near 0."""

from collections.abc import Sequence

ORDER = 4


def distinct_4grams(answer: str) -> float:
    """Distinct 4-grams over all 4-grams of ``answer``, by whitespace words; 1 for an answer of fewer words, 0 for none."""
    words = answer.split()
    if not words:
        return 0.0
    grams: Sequence[tuple[str, ...]] = [tuple(words[i : i + ORDER]) for i in range(len(words) - ORDER + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
