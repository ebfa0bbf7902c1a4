"""Reverse swap: in each prediction, the mass on the counterfactual name goes back to the original name.

Without it the student would learn to call the target by another name (Liu et al. 2024, section 3.2).

- Where a mention follows, the token that begins the counterfactual name there gives its mass to the token that begins the
  original name there; both are known from the two tokenizations.
- Elsewhere (a pronoun stands in the text, but a name would fit) the first tokens of the name's forms give theirs, at the
  boundaries where more than half of the names give such a token more than 0.1 (the published rule).

The excess rule moves less, and everywhere: of a token that begins a name, only what this name's teacher gives it beyond the
mean of the other teachers. A common first token ("B" of a family name, but of much else besides) keeps its ordinary mass.

Who's Harry Potter's baseline has a penalty in its place: once the stand-in has occurred, its first tokens lose a constant from
their logits (Liu et al. 2024, section 4.1; the constant is 5).

Shapes: T positions, N names, S tokens that a swap may take from or give to.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.text.tokenizer import Tokenizer, tokenize

NAME_MASS = 0.1  # a token with more than this is a name the model wants to say
NAME_SHARE = 0.5  # of the names, more than which must want to
# What may stand before a name: with and without a space that the tokenizer joins to it.
CONTEXTS = ("said ", "said (")


def first_token(tokenizer: Tokenizer, context: str, name: str) -> int:
    """The token that takes in the first character of ``name`` when it follows ``context``."""
    ids, _, ends = tokenize(tokenizer, context + name)
    return next(token for token, end in zip(ids, ends, strict=True) if end > len(context))


def form_pairs(tokenizer: Tokenizer, replacements: Mapping[str, str]) -> list[tuple[int, int]]:
    """(first token of the counterfactual form, first token of the original form), for every surface form and context.

    A token that begins several forms goes to the first of them; one that begins both names is left out.
    """
    pairs: dict[int, int] = {}
    for original, counterfactual in replacements.items():
        for context in CONTEXTS:
            pairs.setdefault(first_token(tokenizer, context, counterfactual), first_token(tokenizer, context, original))
    return [(source, goal) for source, goal in pairs.items() if source != goal]


def wanted_names(probs_NTS: np.ndarray, tokens_S: np.ndarray, pairs_N: Sequence[Sequence[tuple[int, int]]]) -> np.ndarray:
    """Where the published rule holds: more than half of the N names have a first token with more than 0.1. Bool [T]."""
    votes_NT = [
        (probs_TS[:, np.isin(tokens_S, [source for source, _ in pairs])] > NAME_MASS).any(1)
        for probs_TS, pairs in zip(probs_NTS, pairs_N, strict=True)
    ]
    return np.sum(votes_NT, axis=0) > NAME_SHARE * len(pairs_N)


def swap_back(
    probs_NTS: np.ndarray,
    tokens_S: np.ndarray,
    mention_sources_NT: np.ndarray,
    mention_goals_T: np.ndarray,
    pairs_N: Sequence[Sequence[tuple[int, int]]],
    movable_T: np.ndarray,
    rule: str = "published",
) -> tuple[np.ndarray, np.ndarray]:
    """Apply both parts of the reverse swap by ``rule``, "published" or "excess".

    probs_NTS: each name's mass on ``tokens_S`` (ascending), among them all that a swap takes from or gives to.
    mention_sources_NT: token that begins the counterfactual name after the boundary, -1 where no mention follows.
    mention_goals_T: token that begins the original name there. pairs_N: form_pairs of each name. movable_T: bool, false up to
    and before the first mention when no prompt has named anybody. With one name there are no others to compare with, and both
    rules are the published one. Returns (masses [N, T, S], moved mass [N, T]); mass is moved, never made.
    """
    names = len(pairs_N)
    takeable_NTS, wanted_T = probs_NTS, movable_T
    if rule == "excess" and names > 1:
        others_mean_NTS = (probs_NTS.sum(0) - probs_NTS) / (names - 1)
        takeable_NTS = (probs_NTS - others_mean_NTS).clip(0.0)
    else:
        wanted_T = wanted_names(probs_NTS, tokens_S, pairs_N) & movable_T
    swapped_NTS, moved_NT = probs_NTS.copy(), np.zeros(probs_NTS.shape[:2])
    for name, pairs in enumerate(pairs_N):
        sources_T = np.where(movable_T, mention_sources_NT[name], -1)
        mention = np.flatnonzero(sources_T >= 0)
        moves = [(mention, sources_T[mention], mention_goals_T[mention])]
        for source, goal in pairs:
            rows = np.flatnonzero(wanted_T & (sources_T != source))
            moves.append((rows, np.full(len(rows), source), np.full(len(rows), goal)))
        for rows, sources, goals in moves:
            source_columns, goal_columns = np.searchsorted(tokens_S, sources), np.searchsorted(tokens_S, goals)
            # What the model itself gave the source: mass that has come back does not move on.
            mass = takeable_NTS[name, rows, source_columns]
            swapped_NTS[name, rows, source_columns] -= mass
            swapped_NTS[name, rows, goal_columns] += mass
            moved_NT[name, rows] += mass
    return swapped_NTS, moved_NT


def penalised_tokens(tokenizer: Tokenizer, name: str) -> set[int]:
    """The tokens that begin a word of ``name``, with and without a space before it."""
    return {first_token(tokenizer, context, word) for word in name.split() for context in CONTEXTS}
