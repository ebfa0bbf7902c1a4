"""Whether the sparse teacher pulls the student where the dense one would: the cosine of the two gradients.

Both are gradients of the project's own loss and backward pass with respect to all of the student's weights, the student being
the base model at the start of its training. With K = V the loss is the full KL, so the dense gradient takes the same way.
Two gradients stand in memory at once, the weights' size each.
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
