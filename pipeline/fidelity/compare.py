"""The sparse teacher beside the dense one, and one engine's teacher beside another's.

Both distributions are reduced as the loss reduces them: the K kept tokens and one bucket for everything else, the sparse one's
K + 1 masses normalised together. Shapes: T positions, K kept tokens, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.fidelity.dense import DenseTeacher
from pipeline.teacher.average import SMALLEST_TAIL
from pipeline.teacher.counterfactuals import TaughtPassage
from pipeline.teacher.shards import PassageTargets

if TYPE_CHECKING:
    import numpy as np

LIKELY = 1e-4  # engines are compared on tokens above this; below it their float32 sums differ by themselves


@dataclass(frozen=True)
class Errors:
    """What the cut to K tokens costs, by position. All float64 [T]."""

    total_variation: "np.ndarray"  # half the summed difference over the kept tokens
    kl: "np.ndarray"  # KL(dense || sparse) over K + 1 outcomes, nats
    tail: "np.ndarray"  # mass that the sparse teacher has outside the kept tokens
    dense_tail: "np.ndarray"  # mass that the dense teacher has there


@dataclass(frozen=True)
class Agreement:
    """Two engines' teachers at the same T positions. The shards' float16 alone makes a difference of up to 0.004 nats."""

    differences: "np.ndarray"  # float64, nats: |difference of log-probability|, one for each likely token that both keep
    same_top: "np.ndarray"  # bool [T]: whether the most probable token is the same


def as_stored(number: int, taught: TaughtPassage) -> PassageTargets:
    """A forget passage as the shards would give it back: float16 log-probabilities, float32 tails."""
    import numpy as np

    averaged = taught.averaged
    logprobs = averaged.logprobs.astype(np.float16).astype(np.float32)
    return PassageTargets(number, "forget", taught.positions, averaged.ids, logprobs, averaged.tail_logprob.astype(np.float32))


def errors(dense: DenseTeacher, sparse: PassageTargets) -> Errors:
    """Compare two teachers of the same positions."""
    import numpy as np

    masses = np.exp(np.column_stack([sparse.logprobs, sparse.tail_logprob]).astype(np.float64))
    masses /= masses.sum(1, keepdims=True)
    kept_TK = np.take_along_axis(dense.probs_TV, sparse.ids, axis=1)
    outside_T = (1.0 - kept_TK.sum(1)).clip(0.0)
    true = np.column_stack([kept_TK, outside_T]).clip(SMALLEST_TAIL)
    return Errors(
        0.5 * np.abs(kept_TK - masses[:, :-1]).sum(1),
        (true * np.log(true / masses.clip(SMALLEST_TAIL))).sum(1),
        masses[:, -1],
        outside_T,
    )


def error_summary(parts: Sequence[Errors]) -> dict[str, float]:
    """Means over all positions of ``parts``, and the largest total variation."""
    import numpy as np

    variation = np.concatenate([part.total_variation for part in parts])
    return {
        "total_variation_mean": float(variation.mean()),
        "total_variation_max": float(variation.max()),
        "kl_nats_mean": float(np.concatenate([part.kl for part in parts]).mean()),
        "tail_mean": float(np.concatenate([part.tail for part in parts]).mean()),
        "dense_tail_mean": float(np.concatenate([part.dense_tail for part in parts]).mean()),
    }


def agreement(shards: PassageTargets, taught: TaughtPassage) -> Agreement:
    """The shards' passage beside the same one made from another engine's scores."""
    import numpy as np

    differences = []
    ours, theirs = taught.averaged, shards
    for t in range(len(theirs.positions)):
        _, left, right = np.intersect1d(theirs.ids[t], ours.ids[t], return_indices=True)
        one, other = theirs.logprobs[t, left].astype(np.float64), ours.logprobs[t, right]
        likely = np.minimum(one, other) > np.log(LIKELY)
        differences.append(np.abs(one - other)[likely])
    return Agreement(np.concatenate(differences), theirs.ids[:, 0] == ours.ids[:, 0])


def agreement_summary(parts: Sequence[Agreement]) -> dict[str, float]:
    """Over all positions of ``parts``."""
    import numpy as np

    differences = np.concatenate([part.differences for part in parts])
    return {
        "logprobs_compared": len(differences),
        "logprob_difference_max": float(differences.max(initial=0.0)),
        "logprob_difference_mean": float(differences.mean()) if len(differences) else 0.0,
        "same_top_1_share": float(np.concatenate([part.same_top for part in parts]).mean()),
    }
