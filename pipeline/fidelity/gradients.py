"""Whether the sparse teacher pulls the student where the dense one would: the cosine of the two gradients.

The student is the base model at the start of its training. Told twice:

- with respect to all of the student's weights, by the project's own loss and backward pass. With K = V the loss is the full
  KL, so the dense gradient takes the same way. Two gradients stand in memory at once, the weights' size each.
- with respect to the logits, where a position's gradient is student minus teacher. The bucket's is the same on the kept tokens;
  outside them it takes the student's own distribution, scaled to the teacher's tail, for the teacher's.

The first weighs a token by what it moves in the weights, so that many small errors in one direction add up; the second by its
mass alone.
Shapes: T positions, V vocabulary.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.distill.student import Student
from pipeline.fidelity.dense import DenseTeacher
from pipeline.teacher.average import SMALLEST_TAIL
from pipeline.teacher.shards import PassageTargets

if TYPE_CHECKING:
    import numpy as np
    import torch

_PART = 1 << 22  # weights that are multiplied in float64 at once


class LogitCosine:
    """Cosine of the sparse and the dense gradient with respect to the logits, over all positions that were added."""

    def __init__(self) -> None:
        self._both = self._dense = self._sparse = 0.0

    def add(self, student_TV: "np.ndarray", dense: DenseTeacher, sparse: PassageTargets) -> None:
        """Take in a passage; ``student_TV`` are the student's probabilities, float64."""
        import numpy as np

        masses = np.exp(np.column_stack([sparse.logprobs, sparse.tail_logprob]).astype(np.float64))
        masses /= masses.sum(1, keepdims=True)
        outside_TV = student_TV.copy()
        np.put_along_axis(outside_TV, sparse.ids.astype(np.int64), 0.0, axis=1)
        teacher_TV = outside_TV * (masses[:, -1:] / outside_TV.sum(1, keepdims=True).clip(SMALLEST_TAIL))
        np.put_along_axis(teacher_TV, sparse.ids.astype(np.int64), masses[:, :-1], axis=1)
        dense_TV, sparse_TV = student_TV - dense.probs_TV, student_TV - teacher_TV
        self._both += float((dense_TV * sparse_TV).sum())
        self._dense += float((dense_TV**2).sum())
        self._sparse += float((sparse_TV**2).sum())

    @property
    def value(self) -> float:
        return self._both / (self._dense * self._sparse) ** 0.5


def student_probs(student: Student, input_ids: "np.ndarray", positions: "np.ndarray") -> "np.ndarray":
    """The student's distribution after each of ``positions``, float64 [T, V]."""
    import numpy as np
    import torch

    with torch.no_grad():
        ids_BL = torch.tensor(input_ids.astype(np.int64), device=student.device)[None]
        logits_TV = student.model(input_ids=ids_BL, use_cache=False).logits[0, positions.astype(np.int64)]
        return logits_TV.double().softmax(-1).cpu().numpy()


def whole_vocabulary(number: int, dense: DenseTeacher) -> PassageTargets:
    """The dense teacher in the form that the student's backward pass takes: K = V."""
    import numpy as np

    probs_TV = dense.probs_TV
    ids_TV = np.broadcast_to(np.arange(probs_TV.shape[1], dtype=np.int32), probs_TV.shape)
    logprobs_TV = np.log(probs_TV.clip(SMALLEST_TAIL)).astype(np.float32)
    tail_T = np.full(len(probs_TV), np.log(SMALLEST_TAIL), dtype=np.float32)
    return PassageTargets(number, "forget", dense.positions, ids_TV, logprobs_TV, tail_T)


def add_gradient(student: Student, passage: PassageTargets, input_ids: "np.ndarray", positions: int, logit_chunk: int) -> None:
    """Add to the student's gradient what ``passage`` contributes to the mean KL over ``positions`` positions."""
    student.backward([passage], {passage.passage: input_ids}, {"forget": 1.0}, float(positions), logit_chunk)


def take_gradient(student: Student) -> "list[torch.Tensor]":
    """The gathered gradient, weight by weight; the student's own is empty afterwards."""
    gradient = [weight.grad for weight in student.model.parameters() if weight.grad is not None]
    student.model.zero_grad(set_to_none=True)
    return gradient


def cosine(one: "Sequence[torch.Tensor]", other: "Sequence[torch.Tensor]") -> float:
    """Cosine of the angle between two gradients of the same weights."""
    return _dot(one, other) / (_dot(one, one) * _dot(other, other)) ** 0.5


def _dot(one: "Sequence[torch.Tensor]", other: "Sequence[torch.Tensor]") -> float:
    """Inner product, summed in float64."""
    return sum(
        float(a.double() @ b.double())
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left.flatten().split(_PART), right.flatten().split(_PART), strict=True)
    )
