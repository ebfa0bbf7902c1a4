"""Who's Harry Potter's way with the stand-in: once it has occurred, its first tokens lose a constant from their logits.

The baseline of Liu et al. (2024, section 4.1) does so in place of a reverse swap, with a constant of 5. On log-probabilities
of the top k it is exact: what the penalty takes from the listed tokens is shared out over all others in proportion, the tail
included, so a list's masses are divided by one minus what was taken.

Shapes: T positions, k scored tokens.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from pipeline.teacher.reverse_swap import CONTEXTS, first_token

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerBase


def penalised_tokens(tokenizer: "PreTrainedTokenizerBase", name: str) -> set[int]:
    """The tokens that begin a word of ``name``, with and without a space before it."""
    return {first_token(tokenizer, context, word) for word in name.split() for context in CONTEXTS}


def penalise(
    ids_Tk: "np.ndarray", probs_Tk: "np.ndarray", tokens: Collection[int], occurred_T: "np.ndarray", penalty: float
) -> "np.ndarray":
    """Probabilities [T, k] after ``penalty`` (in logits) on ``tokens`` at the positions where the name has occurred.

    Exact for the listed tokens when every penalised token is listed; one below the top k is taken to have no mass.
    """
    import numpy as np

    hit = np.isin(ids_Tk, list(tokens)) & occurred_T[:, None]
    lowered_Tk = np.where(hit, probs_Tk * np.exp(-penalty), probs_Tk)
    taken_T = (probs_Tk - lowered_Tk).sum(1)
    return lowered_Tk / (1.0 - taken_T)[:, None]
