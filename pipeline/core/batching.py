"""Sequences for a forward pass: grouped by length, and padded."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Indices grouped by length, longest first, each group at most ``max_tokens`` tokens with padding, at least one index."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > max_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


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
