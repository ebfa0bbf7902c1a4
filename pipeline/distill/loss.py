"""KL divergence of the student from a teacher known by K tokens and a tail, with its gradient in closed form.

Both distributions are reduced to K + 1 outcomes: the K kept tokens and one bucket for everything else. That KL is a lower
bound of the full one (data processing inequality), never negative, and exact when K is the vocabulary. Renormalising over
the kept tokens, or dropping the tail, would bend the gradient.

The student's outcomes are a softmax over K + 1 logits: the K kept ones, and the logsumexp of all others. The gradient by these
is p - t, student less teacher, and the bucket's part goes to the other logits in proportion to their own softmax. So one table
of T x V is enough: it holds the logits, then the softmax of the others, then the gradient.

Shapes: T positions, K kept tokens, O outcomes (K + 1; K where K is V), V vocabulary. Log-probabilities in nats, float32.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

FOCUS = 10.0  # times that a position counts at most, see focused


def bucketed_kl(
    logits_TV: "torch.Tensor",
    teacher_ids_TK: "torch.Tensor",
    teacher_logprobs_TK: "torch.Tensor",
    teacher_tail_T: "torch.Tensor",
) -> "torch.Tensor":
    """KL(teacher || student) over K + 1 outcomes, float32 [T], nats; it can be differentiated once, by the logits alone.

    Float32 logits that an operation made are used up: their memory is the table that becomes the gradient. A leaf is left as it
    is. The ids of a position differ from each other. The teacher's K + 1 masses are normalised together, which undoes the
    rounding of stored float16 values.
    """
    return _function().apply(logits_TV, teacher_ids_TK, teacher_logprobs_TK, teacher_tail_T)


def focused(kl_T: "torch.Tensor", scale: float) -> "torch.Tensor":
    """Huber's loss of each KL, [T]: its slope is KL / ``scale``, at most FOCUS.

    So the positions where the student has moved away count more than those where it stands as it was, each by its own KL alone,
    and the same however a step is cut.
    """
    import torch

    return torch.where(kl_T < FOCUS * scale, kl_T.square() / (2 * scale), FOCUS * (kl_T - FOCUS * scale / 2))


@cache
def _function() -> Any:
    import torch
    from torch.autograd.function import once_differentiable

    class BucketedKL(torch.autograd.Function):
        @staticmethod
        def forward(
            ctx: Any, logits_TV: torch.Tensor, ids_TK: torch.Tensor, logprobs_TK: torch.Tensor, tail_T: torch.Tensor
        ) -> torch.Tensor:
            table_TV = logits_TV.detach().to(torch.float32, copy=logits_TV.is_leaf)
            student_TO, teacher_TO, kept = table_TV.gather(-1, ids_TK), logprobs_TK.float(), ids_TK.shape[-1]
            bucket = kept < logits_TV.shape[-1]
            if bucket:
                table_TV.scatter_(-1, ids_TK, float("-inf"))
                # Relative to the greatest of the others, so that their masses do not underflow where the K hold nearly all.
                greatest_T1 = table_TV.amax(-1, keepdim=True)
                sum_T1 = table_TV.sub_(greatest_T1).exp_().sum(-1, keepdim=True)
                student_TO = torch.cat([student_TO, greatest_T1 + sum_T1.log()], dim=-1)
                teacher_TO = torch.cat([teacher_TO, tail_T.float()[:, None]], dim=-1)
            student_TO, teacher_TO = student_TO.log_softmax(-1), teacher_TO.log_softmax(-1)
            mass_TO = teacher_TO.exp()
            if ctx.needs_input_grad[0]:
                slope_TO = student_TO.exp() - mass_TO
                if bucket:
                    table_TV.mul_(slope_TO[:, kept:] / sum_T1)
                ctx.gradient_TV, ctx.dtype = table_TV.scatter_(-1, ids_TK, slope_TO[:, :kept]), logits_TV.dtype
            return (mass_TO * (teacher_TO - student_TO)).sum(-1)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, slope_T: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
            gradient_TV, ctx.gradient_TV = ctx.gradient_TV, None
            return gradient_TV.mul_(slope_T[:, None]).to(ctx.dtype), None, None, None

    return BucketedKL
