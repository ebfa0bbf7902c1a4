"""Steps streamed from a teacher folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.distill.objective import Distillation, passages_of_epoch, stream_passages
from pipeline.distill.params import DistillParams
from pipeline.shards.reader import PassageTargets, read_input_ids, read_targets, row_groups, shard_paths
from pipeline.shards.writer import TaughtPassage, passage_table, write_shards
from tests.tiny import train_byte_bpe

FORGET, RETAIN, PER_GROUP = 11, 7, 3


@pytest.fixture(scope="module", params=[1, 1e9], ids=["a shard a row group", "one shard"])
def teacher(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """11 forget and 7 retain passages in row groups of 3, in one shard or in one each."""
    folder, tokenizer, rng = tmp_path_factory.mktemp("teacher"), train_byte_bpe(), np.random.default_rng(0)
    tables, rows = [], []
    for number in range(FORGET + RETAIN):
        kind = "forget" if number < FORGET else "retain"
        input_ids = tokenizer(f"Town number {number} has a mill.")["input_ids"]
        positions = np.arange(len(input_ids) - 1, dtype=np.int32)
        ids = np.array([rng.permutation(300)[:4] for _ in positions], dtype=np.int32)
        masses, nothing = rng.dirichlet(np.ones(5), len(positions)), np.zeros(len(positions))
        logprobs, tail = np.log(masses[:, :4]), np.log(masses[:, 4])
        taught = TaughtPassage(positions, ids, logprobs, tail, nothing, nothing, nothing)
        tables.append(passage_table(number, "x", kind, input_ids, taught, tokenizer))
        rows.append({"passage": number, "kind": kind, "input_ids": input_ids})
    parts = [pa.concat_tables(tables[start : start + PER_GROUP]) for start in range(0, len(tables), PER_GROUP)]
    write_shards(folder, parts, {}, request.param)
    schema = pa.schema({"passage": pa.int32(), "kind": pa.string(), "input_ids": pa.list_(pa.int32())})
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "passages.parquet")
    assert len(shard_paths(folder)) == (6 if request.param == 1 else 1)
    assert len(row_groups(folder)) == 6
    return folder


def order(teacher: Path, params: DistillParams, epoch: int = 0) -> list[int]:
    return [passage.passage for passage in stream_passages(teacher, params, epoch)]


@pytest.mark.parametrize("shuffle_row_groups", [1, 2, 6, 100])
def test_every_passage_once_an_epoch(teacher: Path, shuffle_row_groups: int) -> None:
    params = DistillParams(retain_per_forget=1.0, shuffle_row_groups=shuffle_row_groups)
    for epoch in range(2):
        assert sorted(order(teacher, params, epoch)) == list(range(FORGET + RETAIN))


@pytest.mark.parametrize("shuffle_row_groups", [1, 100])
def test_the_same_seed_gives_the_same_order(teacher: Path, shuffle_row_groups: int) -> None:
    params = DistillParams(retain_per_forget=1.0, shuffle_row_groups=shuffle_row_groups)
    first = order(teacher, params)
    assert first == order(teacher, params)
    assert first != sorted(first)
    assert first != order(teacher, params, 1)
    assert first != order(teacher, DistillParams(retain_per_forget=1.0, shuffle_row_groups=shuffle_row_groups, seed=1))


def test_no_more_than_the_wanted_row_groups_are_mixed(teacher: Path) -> None:
    groups = [number // PER_GROUP for number in order(teacher, DistillParams(retain_per_forget=1.0, shuffle_row_groups=1))]
    assert all(len(set(groups[start : start + PER_GROUP])) == 1 for start in range(0, len(groups), PER_GROUP))
    again = [number // PER_GROUP for number in order(teacher, DistillParams(retain_per_forget=1.0, shuffle_row_groups=1), 1)]
    assert again[::PER_GROUP] != groups[::PER_GROUP]
    mixed = [number // PER_GROUP for number in order(teacher, DistillParams(retain_per_forget=1.0, shuffle_row_groups=100))]
    assert any(len(set(mixed[start : start + PER_GROUP])) > 1 for start in range(0, len(mixed), PER_GROUP))


def test_no_more_than_the_wanted_row_groups_are_held(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups are read as others are used up, never all at once."""
    from pipeline.distill import objective

    read, taken = list[int](), list[int]()

    def counting(path: Path, group: int) -> Iterator[PassageTargets]:
        passages = list(read_targets(path, group))
        read.append(passages[0].passage // PER_GROUP)
        return iter(passages)

    monkeypatch.setattr(objective, "read_targets", counting)
    for passage in stream_passages(teacher, DistillParams(retain_per_forget=1.0, shuffle_row_groups=2), 0):
        taken.append(passage.passage // PER_GROUP)
        used_up = sum(taken.count(group) == PER_GROUP for group in set(taken[:-1]))
        assert len(read) <= 2 + used_up
    assert sorted(read) == list(range(6)), "each is read once"


def test_retain_weight_zero_leaves_retain_out(teacher: Path) -> None:
    passages = list(stream_passages(teacher, DistillParams(retain_weight=0.0), 0))
    assert sorted(p.passage for p in passages) == list(range(FORGET))
    assert {p.kind for p in passages} == {"forget"}


def test_retain_passages_are_drawn_anew_each_epoch(teacher: Path) -> None:
    params = DistillParams(retain_per_forget=0.3)
    epochs: Sequence[set[int]] = [passages_of_epoch(teacher, params, epoch) for epoch in range(6)]
    assert all(set(range(FORGET)) <= passages for passages in epochs)
    assert {len(passages) for passages in epochs} == {FORGET + 3}
    assert len({frozenset(passages) for passages in epochs}) > 1
    assert passages_of_epoch(teacher, params, 2) == epochs[2]
    assert set(order(teacher, params, 2)) == epochs[2]


@pytest.mark.parametrize("size", [1, 4, 6, 50])
def test_steps_are_full_but_for_the_last(teacher: Path, size: int) -> None:
    params = DistillParams(retain_per_forget=1.0, passages_per_step=size)
    steps = list(Distillation(teacher, params).steps(0))
    assert [p.passage for step in steps for p in step] == order(teacher, params)
    assert {len(step) for step in steps[:-1]} <= {size}
    assert 1 <= len(steps[-1]) <= size
    assert len(steps) == -(-(FORGET + RETAIN) // size)


def test_input_ids_belong_to_their_passages(teacher: Path) -> None:
    tokenizer, ids = train_byte_bpe(), read_input_ids(teacher)
    assert set(ids) == set(range(FORGET + RETAIN))
    assert all(tokenizer.decode(tokens) == f"Town number {number} has a mill." for number, tokens in ids.items())
