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

Shapes: T positions, N names, k scored tokens, F forms.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.text.tokenizer import tokenize

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NAME_MASS = 0.1  # a token with more than this is a name the model wants to say
NAME_SHARE = 0.5  # of the names, more than which must want to
# What may stand before a name: with and without a space that the tokenizer joins to it.
CONTEXTS = ("said ", "said (")


def first_token(tokenizer: "PreTrainedTokenizerBase", context: str, name: str) -> int:
    """The token that takes in the first character of ``name`` when it follows ``context``."""
    ids, _, ends = tokenize(tokenizer, context + name)
    return next(token for token, end in zip(ids, ends, strict=True) if end > len(context))


def form_pairs(tokenizer: "PreTrainedTokenizerBase", replacements: Mapping[str, str]) -> list[tuple[int, int]]:
    """(first token of the counterfactual form, first token of the original form), for every surface form and context.

    A token that begins several forms goes to the first of them; one that begins both names is left out.
    """
    pairs: dict[int, int] = {}
    for original, counterfactual in replacements.items():
        for context in CONTEXTS:
            pairs.setdefault(first_token(tokenizer, context, counterfactual), first_token(tokenizer, context, original))
    return [(source, goal) for source, goal in pairs.items() if source != goal]


def wanted_names(ids_NTk: np.ndarray, probs_NTk: np.ndarray, pairs_N: Sequence[Sequence[tuple[int, int]]]) -> np.ndarray:
    """Where the published rule holds: more than half of the N names have a first token with more than 0.1. Bool [T]."""
    lists = zip(ids_NTk, probs_NTk, pairs_N, strict=True)
    votes_NT = [((probs > NAME_MASS) & np.isin(ids, [source for source, _ in pairs])).any(1) for ids, probs, pairs in lists]
    return np.sum(votes_NT, axis=0) > NAME_SHARE * len(pairs_N)


def others_mean(ids_NTk: np.ndarray, probs_NTk: np.ndarray, tokens: Sequence[int]) -> dict[int, np.ndarray]:
    """For each of ``tokens``, the mean mass that the other names' teachers give it: float64 [N, T]; 0 where N is 1."""
    names = len(ids_NTk)
    wanted = np.unique(np.asarray(tokens, dtype=np.int64))
    masses = np.zeros((names, ids_NTk.shape[1], len(wanted)))
    place = np.searchsorted(wanted, ids_NTk).clip(max=len(wanted) - 1)
    hits = np.nonzero(wanted[place] == ids_NTk)
    np.add.at(masses, (hits[0], hits[1], place[hits]), probs_NTk[hits])
    rest = (masses.sum(0) - masses) / max(names - 1, 1)
    return {int(token): rest[:, :, index] for index, token in enumerate(wanted)}


def move_mass(
    ids_Tk: np.ndarray, probs_Tk: np.ndarray, sources_T: np.ndarray, goals_T: np.ndarray, scored: int, keep_T: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the mass of ``sources_T[t]`` at each position and append it as one more entry for ``goals_T[t]``.

    Only the first ``scored`` entries of a row give mass: the model's own, not what was appended. A position whose source is
    negative moves nothing; ``keep_T`` is the mass that stays where it is.
    Returns (ids [T, k + 1], probs [T, k + 1], moved mass [T]). The goal may stand in a row twice; averaging adds the two.
    """
    hit = (ids_Tk == sources_T[:, None]) & (sources_T >= 0)[:, None]
    hit[:, scored:] = False
    mass_T = np.where(hit, probs_Tk, 0.0).sum(1)
    moved_T = (mass_T - keep_T).clip(0.0)
    stays_T = np.divide(mass_T - moved_T, mass_T, out=np.zeros_like(mass_T), where=mass_T > 0)
    ids = np.concatenate([ids_Tk, np.where(sources_T >= 0, goals_T, 0)[:, None].astype(ids_Tk.dtype)], axis=1)
    probs = np.concatenate([np.where(hit, probs_Tk * stays_T[:, None], probs_Tk), moved_T[:, None]], axis=1)
    return ids, probs, moved_T


def swap_back(
    ids_NTk: np.ndarray,
    probs_NTk: np.ndarray,
    mention_sources_NT: np.ndarray,
    mention_goals_T: np.ndarray,
    pairs_N: Sequence[Sequence[tuple[int, int]]],
    movable_T: np.ndarray,
    rule: str = "published",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Apply both parts of the reverse swap by ``rule``, "published" or "excess".

    ids_NTk, probs_NTk: each name's top k (probabilities, not renormalised). mention_sources_NT: token that begins the
    counterfactual name after the boundary, -1 where no mention follows. mention_goals_T: token that begins the original
    name there. pairs_N: form_pairs of each name. movable_T: bool, false up to and before the first mention when no prompt has
    named anybody. With one name there are no others to compare with, and both rules are the published one.
    Returns (ids, probs, both [N, T, k + extra], and moved mass, float64 [N, T]); mass is moved, never made.
    """
    _, positions, scored = ids_NTk.shape
    excess = rule == "excess" and len(pairs_N) > 1
    wanted_T = movable_T if excess else wanted_names(ids_NTk, probs_NTk, pairs_N) & movable_T
    tokens = {source for pairs in pairs_N for source, _ in pairs} | set(mention_sources_NT.ravel().tolist()) - {-1}
    ordinary = others_mean(ids_NTk, probs_NTk, list(tokens)) if excess and tokens else {}
    forms = max(map(len, pairs_N), default=0)
    swapped = []
    for name, pairs in enumerate(pairs_N):
        mention_T = np.where(movable_T, mention_sources_NT[name], -1)
        moves = [(mention_T, mention_goals_T)]
        for source, goal in [*pairs, *[(-1, -1)] * (forms - len(pairs))]:  # as many for each name, for one table of all
            # Each move takes what the model itself gave the token, so mass that has come back does not move on.
            moves.append((np.where(wanted_T & (mention_T != source), source, -1), np.full(positions, goal)))
        ids, probs, moved_T = ids_NTk[name], probs_NTk[name], np.zeros(positions)
        for sources_T, goals_T in moves:
            keep_T = np.zeros(positions)
            for token in ordinary.keys() & sources_T.tolist():
                keep_T = np.where(sources_T == token, ordinary[token][name], keep_T)
            ids, probs, more_T = move_mass(ids, probs, sources_T, goals_T, scored, keep_T)
            moved_T = moved_T + more_T
        swapped.append((ids, probs, moved_T))
    ids_N, probs_N, moved_N = zip(*swapped, strict=True)
    return np.stack(ids_N), np.stack(probs_N), np.stack(moved_N)


def penalised_tokens(tokenizer: "PreTrainedTokenizerBase", name: str) -> set[int]:
    """The tokens that begin a word of ``name``, with and without a space before it."""
    return {first_token(tokenizer, context, word) for word in name.split() for context in CONTEXTS}


def penalise(
    ids_Tk: np.ndarray, probs_Tk: np.ndarray, tokens: Collection[int], occurred_T: np.ndarray, penalty: float
) -> np.ndarray:
    """Probabilities [T, k] after ``penalty`` (in logits) on ``tokens`` at the positions where the name has occurred.

    What it takes from the listed tokens is shared out over all others in proportion, the tail included: a list's masses are
    divided by one minus what was taken. Exact when every penalised token is listed; one below the top k has no mass.
    """
    hit = np.isin(ids_Tk, list(tokens)) & occurred_T[:, None]
    lowered_Tk = np.where(hit, probs_Tk * np.exp(-penalty), probs_Tk)
    taken_T = (probs_Tk - lowered_Tk).sum(1)
    return lowered_Tk / (1.0 - taken_T)[:, None]
