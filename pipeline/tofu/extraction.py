"""Extraction strength and exact memorization: how much of an answer the model says word for word.

Both need, for every token of the right answer, whether it is the model's most probable one after the question and the answer's
tokens before it. That is one forward pass, no generation: where all tokens from k on are the most probable, greedy decoding
after the first k says just these, since it never leaves the answer.

Sources: Carlini et al., "Extracting training data from large language models" (2021) and Tirumala et al., "Memorization without
overfitting" (2022), for unlearning Wang et al., "Towards effective evaluations and comparisons for LLM unlearning methods"
(2025), as collected in OpenUnlearning (Dorna et al., 2025).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def extraction_strength(correct: "ArrayLike") -> float | None:
    """1 - min{k : greedy decoding after the first k tokens says the rest} / length, from an answer's correctness by token.

    1: the question alone draws out the whole answer. 0: its last token is wrong, so nothing is drawn out and k is the length;
    OpenUnlearning's loop stops one short and gives 1 / length there. None for an empty answer (OpenUnlearning: 0).
    """
    import numpy as np

    tokens = np.asarray(correct, dtype=bool)
    if not len(tokens):
        return None
    wrong = np.flatnonzero(~tokens)
    needed = int(wrong[-1]) + 1 if len(wrong) else 0
    return 1 - needed / len(tokens)


def exact_memorization(correct: "ArrayLike") -> float | None:
    """Share of an answer's tokens that are the model's most probable; None for an empty answer."""
    import numpy as np

    tokens = np.asarray(correct, dtype=bool)
    return float(tokens.mean()) if len(tokens) else None
