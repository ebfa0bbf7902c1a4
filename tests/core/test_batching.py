"""Batches by length, and padding."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.batching import batches, padded, trees

LENGTHS = st.lists(st.integers(1, 60), max_size=9)


def cost(lengths: list[int], cut: list[list[int]], batch_cost: int) -> int:
    return sum(max(lengths[index] for index in batch) * len(batch) + batch_cost for batch in cut)


def every_cut(order: list[int]) -> list[list[list[int]]]:
    """All ways to cut ``order`` into runs."""
    if not order:
        return [[]]
    return [[order[:end], *rest] for end in range(1, len(order) + 1) for rest in every_cut(order[end:])]


@given(LENGTHS, st.integers(1, 200), st.sampled_from([0, 7, 40, 10**9]))
def test_no_cut_within_the_limit_costs_less(lengths: list[int], max_tokens: int, batch_cost: int) -> None:
    found = list(batches(lengths, max_tokens, batch_cost))
    order = [index for batch in found for index in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert all(lengths[one] >= lengths[other] for one, other in pairwise(order))
    fitting = [
        cut for cut in every_cut(order) if all(len(batch) == 1 or len(batch) * lengths[batch[0]] <= max_tokens for batch in cut)
    ]
    assert found in fitting
    assert cost(lengths, found, batch_cost) == min(cost(lengths, cut, batch_cost) for cut in fitting)


def test_a_batch_is_cut_where_padding_costs_more_than_another() -> None:
    lengths = [100, 20, 90, 30]
    assert list(batches(lengths, 1000)) == [[0, 2, 3, 1]]
    assert list(batches(lengths, 1000, batch_cost=140)) == [[0, 2, 3, 1]]
    assert list(batches(lengths, 1000, batch_cost=139)) == [[0, 2], [3, 1]]


@pytest.mark.parametrize("left", [False, True])
def test_padding(left: bool) -> None:
    ids, mask = padded([[5, 6, 7], [8]], "cpu", left=left)
    assert ids.tolist() == [[5, 6, 7], [0, 0, 8] if left else [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1] if left else [1, 0, 0]]


SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), max_size=8)


@given(SEQUENCES, st.integers(0, 20))
def test_a_tree_holds_each_sequence_and_what_is_shared_once(sequences: list[list[int]], max_tokens: int) -> None:
    found = list(trees(sequences, max_tokens))
    assert sorted(index for tree in found for index in tree.paths) == list(range(len(sequences)))
    for tree in found:
        assert len(tree.paths) == 1 or len(tree.input_ids) <= max_tokens
        beginnings = {tuple(sequences[index][: end + 1]) for index in tree.paths for end in range(len(sequences[index]))}
        assert len(tree.input_ids) == len(beginnings)
        ids, positions, sees = (values[0] for values in tree.tensors("cpu"))
        for index, path in tree.paths.items():
            assert ids[path].tolist() == sequences[index]
            assert positions[path].tolist() == list(range(len(path)))
            for end, column in enumerate(path):
                assert sees[0, column].nonzero()[:, 0].tolist() == sorted(path[: end + 1])
