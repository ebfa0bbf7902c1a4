"""Repetition: the share of an answer's word 4-grams that are distinct. 1 is no repetition; collapse shows as near 0."""


def distinct_4grams(answer: str) -> float:
    """Distinct 4-grams over all 4-grams of ``answer``, by whitespace words; 1 for an answer of fewer words, 0 for none."""
    words = answer.split()
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return len(set(grams)) / len(grams) if grams else float(bool(words))
