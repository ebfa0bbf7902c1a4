"""KL divergence of the student from a teacher known by K tokens and a tail.

Both distributions are reduced to K + 1 outcomes: the K kept tokens and one bucket for everything else. That KL is a lower
bound of the full one (data processing inequality), never negative, and exact when K is the vocabulary. Renormalising over
the kept tokens, or dropping the tail, would bend the gradient.

Shapes: T positions, K kept tokens, V vocabulary. All log-probabilities in nats, float32.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def bucketed_kl(
    logits_TV: "torch.Tensor",
    teacher_ids_TK: "torch.Tensor",
    teacher_logprobs_TK: "torch.Tensor",
    teacher_tail_T: "torch.Tensor",
) -> "torch.Tensor":
    """KL(teacher || student) over K + 1 outcomes, float32 [T], nats.

    The teacher's K + 1 masses are normalised together, which undoes the rounding of stored float16 values.
    The student's bucket is the logsumexp over its other logits, since log(1 - sum) underflows where the K hold nearly all.
    """
    import torch

    logits_TV = logits_TV.float()
    log_z_T = logits_TV.logsumexp(-1)
    student_TK = logits_TV.gather(-1, teacher_ids_TK) - log_z_T[:, None]
    if teacher_ids_TK.shape[-1] == logits_TV.shape[-1]:
        teacher_TK = teacher_logprobs_TK.float().log_softmax(-1)
        return (teacher_TK.exp() * (teacher_TK - student_TK)).sum(-1)
    rest_TV = logits_TV.scatter(-1, teacher_ids_TK, float("-inf"))
    student_rest_T = rest_TV.logsumexp(-1) - log_z_T
    teacher = torch.cat([teacher_logprobs_TK.float(), teacher_tail_T.float()[:, None]], dim=-1).log_softmax(-1)
    student = torch.cat([student_TK, student_rest_T[:, None]], dim=-1)
    return (teacher.exp() * (teacher - student)).sum(-1)
