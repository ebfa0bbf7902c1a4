"""The sparse teacher beside the dense one, in mass and in gradient, and one engine's teacher beside another's.

Masses are compared as the loss reduces them: the K kept tokens and one bucket for everything else, the sparse one's K + 1
masses normalised together. The gradients are those of the base model as the student at the start of its training, and their
cosine is taken twice:

- in all of the student's weights, by the project's own loss and backward pass: a token weighs what it moves there, so many
  small errors in one direction add up. With K = V the loss is the full KL, so the dense gradient takes the same way.
- in the logits, where it is student minus teacher: a token weighs its mass alone. Outside the kept tokens the sparse teacher
  stands for the student's own distribution, scaled to its tail, as the bucket's gradient does.

Shapes: T positions, K kept tokens, V vocabulary.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from pipeline.shards.reader import PassageTargets
from pipeline.teacher.average import SMALLEST
from pipeline.train.student import Student

LIKELY = 1e-4  # engines are compared on tokens above this; below it their float32 sums differ by themselves
_PART = 1 << 22  # weights that are multiplied in float64 at once


def as_stored(number: int, positions: np.ndarray, ids: np.ndarray, logprobs: np.ndarray, tail: np.ndarray) -> PassageTargets:
    """A forget passage as the shards would give it back: float16 log-probabilities, float32 tails."""
    return PassageTargets(
        number, "forget", positions, ids, logprobs.astype(np.float16).astype(np.float32), tail.astype(np.float32)
    )


def whole_vocabulary(number: int, positions: np.ndarray, dense_TV: np.ndarray) -> PassageTargets:
    """The dense teacher in the form that the student's backward pass takes: K = V."""
    ids_TV = np.broadcast_to(np.arange(dense_TV.shape[1], dtype=np.int32), dense_TV.shape)
    logprobs_TV = np.log(dense_TV.clip(SMALLEST)).astype(np.float32)
    return PassageTargets(
        number, "forget", positions, ids_TV, logprobs_TV, np.full(len(ids_TV), np.log(SMALLEST), dtype=np.float32)
    )


def _masses(sparse: PassageTargets) -> np.ndarray:
    """Of the kept tokens and, last, of the tail, float64 [T, K + 1], normalised together."""
    masses = np.exp(np.column_stack([sparse.logprobs, sparse.tail_logprob]).astype(np.float64))
    return masses / masses.sum(1, keepdims=True)


def errors(dense_TV: np.ndarray, sparse: PassageTargets) -> dict[str, np.ndarray]:
    """What the cut to K tokens costs, by position, each float64 [T].

    total_variation: half the summed difference over the kept tokens. kl_nats: KL(dense || sparse) over K + 1 outcomes. tail and
    dense_tail: the mass that the sparse and the dense teacher have outside the kept tokens.
    """
    masses = _masses(sparse)
    kept_TK = np.take_along_axis(dense_TV, sparse.ids, axis=1)
    outside_T = (1.0 - kept_TK.sum(1)).clip(0.0)
    true = np.column_stack([kept_TK, outside_T]).clip(SMALLEST)
    return {
        "total_variation": 0.5 * np.abs(kept_TK - masses[:, :-1]).sum(1),
        "kl_nats": (true * np.log(true / masses.clip(SMALLEST))).sum(1),
        "tail": masses[:, -1],
        "dense_tail": outside_T,
    }


def error_summary(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, float]:
    """Means over all positions of ``parts``, and the largest total variation."""
    whole = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    means = {f"{key}_mean": float(values.mean()) for key, values in whole.items()}
    largest = float(whole["total_variation"].max())
    return {"total_variation_mean": means["total_variation_mean"], "total_variation_max": largest, **means}


def agreement(shards: PassageTargets, other: PassageTargets) -> tuple[np.ndarray, np.ndarray]:
    """The shards' passage beside the same one from another engine.

    In nats, |difference of log-probability| for each likely token that both keep, float64; float16 alone makes a difference of
    up to 0.008 nats. And whether the most probable token is the same, bool [T].
    """
    differences = []
    for t in range(len(shards.positions)):
        _, left, right = np.intersect1d(shards.ids[t], other.ids[t], return_indices=True)
        one, another = shards.logprobs[t, left].astype(np.float64), other.logprobs[t, right].astype(np.float64)
        differences.append(np.abs(one - another)[np.minimum(one, another) > np.log(LIKELY)])
    return np.concatenate(differences), shards.ids[:, 0] == other.ids[:, 0]


def agreement_summary(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Over all positions of ``parts``."""
    differences, same_top = (np.concatenate(values) for values in zip(*parts, strict=True))
    return {
        "logprobs_compared": len(differences),
        "logprob_difference_max": float(differences.max(initial=0.0)),
        "logprob_difference_mean": float(differences.mean()) if len(differences) else 0.0,
        "same_top_1_share": float(same_top.mean()),
    }


def student_probs(student: Student, input_ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The student's distribution after each of ``positions``, float64 [T, V]."""
    with torch.no_grad():
        ids_BL = torch.tensor(input_ids.astype("int64"), device=student.device)[None]
        logits_TV = student.model(input_ids=ids_BL, use_cache=False).logits[0, positions.astype("int64")]
        return logits_TV.double().softmax(-1).cpu().numpy()


def logit_products(student_TV: np.ndarray, dense_TV: np.ndarray, sparse: PassageTargets) -> np.ndarray:
    """Inner products of the gradients with respect to a passage's logits: dense by sparse, dense by dense, sparse by sparse.

    ``student_TV`` are the student's probabilities, float64.
    """
    masses, ids_TK = _masses(sparse), sparse.ids.astype(np.int64)
    outside_TV = student_TV.copy()
    np.put_along_axis(outside_TV, ids_TK, 0.0, axis=1)
    teacher_TV = outside_TV * (masses[:, -1:] / outside_TV.sum(1, keepdims=True).clip(SMALLEST))
    np.put_along_axis(teacher_TV, ids_TK, masses[:, :-1], axis=1)
    whole_TV, sparse_TV = student_TV - dense_TV, student_TV - teacher_TV
    return np.array([(whole_TV * sparse_TV).sum(), (whole_TV**2).sum(), (sparse_TV**2).sum()])


def logit_cosine(products: Sequence[np.ndarray]) -> float:
    """Cosine of the two gradients with respect to the logits, over all passages whose logit_products are given."""
    both, dense, sparse = np.sum(products, axis=0).tolist()
    return both / (dense * sparse) ** 0.5


def take_gradient(student: Student) -> list[torch.Tensor]:
    """The gathered gradient, weight by weight; the student's own is empty afterwards."""
    gradient = [weight.grad for weight in student.model.parameters() if weight.grad is not None]
    student.model.zero_grad(set_to_none=True)
    return gradient


def cosine(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    """Cosine of the angle between two gradients of the same weights."""
    return _dot(one, other) / (_dot(one, one) * _dot(other, other)) ** 0.5


def _dot(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> float:
    return sum(
        float(a.double() @ b.double())
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left.flatten().split(_PART), right.flatten().split(_PART), strict=True)
    )
