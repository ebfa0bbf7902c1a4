"""Average of the N names' distributions, cut to K tokens, and what it tells about itself.

Each name's list is sparse; what a list lacks counts as tail. Shapes: T positions, N names, k scored tokens, K kept, of which M
are chosen beforehand.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SMALLEST_TAIL = 1e-12  # float32 rounding makes a tail of nothing slightly negative


@dataclass(frozen=True)
class Averaged:
    """The teacher's distribution at T positions: K tokens and the tail. Log-probabilities in nats."""

    ids: "np.ndarray"  # int32 [T, K], most probable first, ties by id
    logprobs: "np.ndarray"  # float64 [T, K]
    tail_logprob: "np.ndarray"  # float64 [T]
    entropy: "np.ndarray"  # float64 [T], nats, the tail counted as one outcome
    disagreement: "np.ndarray"  # float64 [T], nats: mean KL of the names' distributions from the average


def hardened(averaged: Averaged) -> Averaged:
    """The most probable token of each position with all the mass: hard targets. Entropy and disagreement stay the average's."""
    import numpy as np

    positions = len(averaged.ids)
    return Averaged(
        averaged.ids[:, :1],
        np.zeros((positions, 1)),
        np.full(positions, np.log(SMALLEST_TAIL)),
        averaged.entropy,
        averaged.disagreement,
    )


def average(ids_NTk: "np.ndarray", probs_NTk: "np.ndarray", top_k: int, chosen_TM: "np.ndarray | None" = None) -> Averaged:
    """Mean over names of sparse distributions (an id may stand twice in a row: its masses add), cut to ``top_k`` tokens.

    Kept are the M of ``chosen_TM`` (K at most; an id may stand twice there too), whatever their mass, and the most probable
    others.
    Entropy and disagreement are over the K tokens and one bucket for the rest, so both are lower bounds of the dense values.
    """
    import numpy as np

    names, positions, _ = ids_NTk.shape
    chosen_TM = np.zeros((positions, 0), dtype=np.int32) if chosen_TM is None else chosen_TM
    ids_TK = np.zeros((positions, top_k), dtype=np.int32)
    probs_TK = np.zeros((positions, top_k))
    disagreement_T = np.zeros(positions)
    for t in range(positions):
        listed = ids_NTk[:, t].ravel()
        tokens, where = np.unique(np.concatenate([listed, chosen_TM[t]]), return_inverse=True)
        per_name = np.zeros((names, len(tokens)))
        np.add.at(per_name, (np.arange(names)[:, None], where[: len(listed)].reshape(names, -1)), probs_NTk[:, t])
        mean = per_name.mean(0)
        others = np.ones(len(tokens), dtype=bool)
        others[where[len(listed) :]] = False
        kept = np.lexsort((tokens, -mean, others))[:top_k]
        kept = kept[np.lexsort((tokens[kept], -mean[kept]))]
        ids_TK[t, : len(kept)], probs_TK[t, : len(kept)] = tokens[kept], mean[kept]
        kept_mass = np.column_stack([per_name[:, kept], 1.0 - per_name[:, kept].sum(1)]).clip(SMALLEST_TAIL)
        mean_mass = np.append(mean[kept], 1.0 - mean[kept].sum()).clip(SMALLEST_TAIL)
        disagreement_T[t] = (kept_mass * np.log(kept_mass / mean_mass)).sum(1).mean()
    tail_T = (1.0 - probs_TK.sum(1)).clip(SMALLEST_TAIL)
    logprobs_TK = np.log(probs_TK.clip(SMALLEST_TAIL))
    entropy_T = -(probs_TK * logprobs_TK).sum(1) - tail_T * np.log(tail_T)
    return Averaged(ids_TK, logprobs_TK, np.log(tail_T), entropy_T, disagreement_T.clip(0.0))
