"""Sequences for a forward pass: grouped by length, and padded."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def batches(lengths: Sequence[int], max_tokens: int, batch_cost: int = 10**9) -> Iterator[list[int]]:
    """Indices grouped by length, longest first, each group at most ``max_tokens`` tokens with padding, at least one index.

    Of all such ways to cut them, that of the least cost: the tokens with padding, and ``batch_cost`` tokens for each batch. The
    default takes as few batches as there can be.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    least, end_of = [0] * (len(order) + 1), [0] * len(order)  # cost of order[start:], and where its first batch ends
    for start in reversed(range(len(order))):
        longest = lengths[order[start]]
        furthest = min(start + max(max_tokens // max(longest, 1), 1), len(order))
        costs = ((longest * (end - start) + batch_cost + least[end], -end) for end in range(start + 1, furthest + 1))
        least[start], end = min(costs)
        end_of[start] = -end
    start = 0
    while start < len(order):
        yield order[start : end_of[start]]
        start = end_of[start]


def padded(
    rows: "Sequence[Sequence[int] | np.ndarray]", device: str, *, left: bool = False
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Token ids as one int64 tensor [B, L] and its attention mask, padded with 0 on the right, or on the ``left``."""
    import torch

    width = max(map(len, rows))
    ids_BL = torch.zeros(len(rows), width, dtype=torch.long)
    mask_BL = torch.zeros_like(ids_BL)
    for row, tokens in enumerate(rows):
        place = slice(width - len(tokens), width) if left else slice(0, len(tokens))
        ids_BL[row, place] = torch.tensor(tokens)
        mask_BL[row, place] = 1
    return ids_BL.to(device), mask_BL.to(device)
