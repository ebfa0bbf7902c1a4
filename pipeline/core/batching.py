"""Sequences for a forward pass: grouped by length and padded, or laid into one row where they begin alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Tree:
    """Sequences in one row of T tokens: where several begin alike, that stands once, and each goes on from there."""

    input_ids: list[int] = field(default_factory=list)  # [T]
    paths: dict[int, list[int]] = field(default_factory=dict)  # sequence: the columns of its tokens, in order

    def tensors(self, device: str) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        """Token ids [1, T], positions [1, T], and which columns each token may look at: bool [1, 1, T, T]."""
        import torch

        positions_T = torch.zeros(len(self.input_ids), dtype=torch.long)
        sees_TT = torch.zeros(len(self.input_ids), len(self.input_ids), dtype=torch.bool)
        for path in self.paths.values():
            columns_L = torch.tensor(path)
            positions_T[columns_L] = torch.arange(len(path))
            sees_TT[columns_L[:, None], columns_L] |= torch.ones(len(path), len(path), dtype=torch.bool).tril()
        ids_T = torch.tensor(self.input_ids)
        return ids_T[None].to(device), positions_T[None].to(device), sees_TT[None, None].to(device)


def trees(sequences: Sequence[Sequence[int]], max_tokens: int) -> Iterator[Tree]:
    """All ``sequences`` in trees of at most ``max_tokens`` tokens, or of one sequence; in the order of their tokens."""
    tree, before = Tree(), tuple[int, ...]()
    path: list[int] = []
    for index in sorted(range(len(sequences)), key=lambda i: (tuple(sequences[i]), i)):
        ids = tuple(sequences[index])
        shared = next((n for n, (a, b) in enumerate(zip(before, ids, strict=False)) if a != b), min(len(before), len(ids)))
        if tree.paths and len(tree.input_ids) + len(ids) - shared > max_tokens:
            yield tree
            tree, path, shared = Tree(), [], 0
        fresh = range(len(tree.input_ids), len(tree.input_ids) + len(ids) - shared)
        path, before = [*path[:shared], *fresh], ids
        tree.input_ids.extend(ids[shared:])
        tree.paths[index] = path
    if tree.paths:
        yield tree
