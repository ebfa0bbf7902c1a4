"""Gradients of the two tables, embedding and head, added where they are kept.

Autograd makes a fresh V x D gradient for each use of a table and adds it to the others; for a small model with a large
vocabulary that is a good part of a step. Here the head's product goes straight into ``weight.grad``, and an embedding adds to
the rows of its tokens alone. The sums are autograd's, in another order.

Shapes: T positions, B rows, L tokens, D width, V vocabulary.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def embedded(embedding: "torch.nn.Module", ids_BL: "torch.Tensor") -> "torch.Tensor":
    """What ``embedding`` makes of ``ids_BL``, [B, L, D]; its gradient goes to the rows of these tokens."""
    import torch

    if (
        type(embedding) is not torch.nn.Embedding
        or embedding.max_norm
        or embedding.scale_grad_by_freq
        or not _is_plain(embedding)
    ):
        return embedding(ids_BL)
    return _functions()[0].apply(embedding.weight, ids_BL, embedding.padding_idx)


def logits(head: "torch.nn.Module", hidden_TD: "torch.Tensor") -> "torch.Tensor":
    """What ``head`` makes of ``hidden_TD``, [T, V]; its gradient goes straight to its weight."""
    import torch

    if type(head) is not torch.nn.Linear or head.bias is not None or not _is_plain(head):
        return head(hidden_TD)
    return _functions()[1].apply(hidden_TD, head.weight)


def _is_plain(table: "torch.nn.Module") -> bool:
    """Whether nothing but its weight decides what ``table`` gives, in float32 on a CPU: elsewhere autocast has its say."""
    import torch

    weight: Any = table.weight
    is_float32 = weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.requires_grad
    return is_float32 and not (table._forward_hooks or table._forward_pre_hooks or weight._backward_hooks)


@cache
def _functions() -> tuple[Any, Any]:
    import torch
    from torch.autograd.function import once_differentiable

    class Embedded(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, weight_VD: torch.Tensor, ids_BL: torch.Tensor, padding: int | None) -> torch.Tensor:
            ctx.weight_VD, ctx.ids_BL, ctx.padding = weight_VD, ids_BL, padding
            return torch.nn.functional.embedding(ids_BL, weight_VD)

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, slope_BLD: torch.Tensor) -> tuple[None, None, None]:
            weight_VD, ids_BL = ctx.weight_VD, ctx.ids_BL
            if weight_VD.grad is None:
                weight_VD.grad = torch.zeros_like(weight_VD)
            trained_BL = torch.ones_like(ids_BL, dtype=torch.bool) if ctx.padding is None else ids_BL != ctx.padding
            weight_VD.grad.index_add_(0, ids_BL[trained_BL], slope_BLD[trained_BL])
            return None, None, None

    class Logits(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, hidden_TD: torch.Tensor, weight_VD: torch.Tensor) -> torch.Tensor:
            ctx.hidden_TD, ctx.weight_VD = hidden_TD, weight_VD
            return hidden_TD @ weight_VD.T

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, slope_TV: torch.Tensor) -> tuple[torch.Tensor, None]:
            weight_VD, hidden_TD = ctx.weight_VD, ctx.hidden_TD.detach()
            if weight_VD.grad is None:
                weight_VD.grad = slope_TV.T @ hidden_TD
            else:
                weight_VD.grad.addmm_(slope_TV.T, hidden_TD)
            return slope_TV @ weight_VD.detach(), None

    return Embedded, Logits
