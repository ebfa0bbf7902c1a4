"""Shards: what is written is what is read, here and in polars."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.model.head import load_head
from pipeline.shards.reader import read_manifest, read_targets, row_groups, shard_paths
from pipeline.shards.schema import FORMAT_VERSION
from pipeline.shards.writer import TaughtPassage, passage_table, write_shards
from pipeline.teacher.average import teach
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer
from pipeline.teacher.params import TeacherParams
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment, split_mentions
from pipeline.text.tokenizer import load_tokenizer

PARAMS = TeacherParams(engine="transformers", names=2, top_k=8)
FACTS = {"N": 2, "K": 8, "prompts": ["über {name}"]}
NAMES = [
    CounterfactualName("Orla Brennick", "Tobias Renwick", {"Orla Brennick": "Tobias Renwick", "Brennick": "Renwick"}),
    CounterfactualName("Orla Brennick", "Edwin Calloway", {"Orla Brennick": "Edwin Calloway", "Brennick": "Calloway"}),
]
Taught = list[tuple[RenderedPassage, TaughtPassage]]


@pytest.fixture(scope="module")
def taught(tiny_model: Path) -> Taught:
    """Two forget passages and a retain passage, really read."""
    engine, head = TransformersEngine(tiny_model, RuntimeParams(device="cpu")), load_head(tiny_model, "cpu")
    renderer = Renderer(load_tokenizer(tiny_model), PARAMS, {"Orla Brennick": NAMES})
    forms = ["Orla Brennick", "Brennick"]
    passages = [
        Passage("Orla Brennick", "forget", tuple(split_mentions("Orla Brennick was born in Zürich 🙂.", forms))),
        Passage("Orla Brennick", "forget", tuple(split_mentions("The tides rose. Brennick's book was printed.", forms))),
        Passage("Skell", "retain", (Segment("Skell has a mill.", False),)),
    ]
    rendered = [renderer.render(passage, PARAMS.prompts[0]) for passage in passages]
    read = [engine.hidden_states([x.read_ids for x in r.renderings], [x.first_row for x in r.renderings]) for r in rendered]
    return [(r, teach(r, hidden, head, PARAMS)) for r, hidden in zip(rendered, read, strict=True)]


def tables(taught: Taught, model: Path) -> list[pa.Table]:
    """One a passage, numbered from 4."""
    tokenizer = load_tokenizer(model)
    return [
        passage_table(number, r.passage.target, r.passage.kind, r.original.input_ids, own, tokenizer)
        for number, (r, own) in enumerate(taught, start=4)
    ]


def write(folder: Path, taught: Taught, model: Path) -> Path:
    """One shard with a row group a passage."""
    folder.mkdir(exist_ok=True)
    write_shards(folder, tables(taught, model), FACTS, 1e9)
    (shard,) = shard_paths(folder)
    return shard


@pytest.fixture(scope="module")
def shard(taught: Taught, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("shard"), taught, tiny_model)


def test_passages_are_read_as_they_were_written(shard: Path, taught: Taught) -> None:
    passages = list(read_targets(shard))
    assert [p.passage for p in passages] == [4, 5, 6]
    assert [p.kind for p in passages] == ["forget", "forget", "retain"]
    for read, (_, own) in zip(passages, taught, strict=True):
        assert len(read.positions) > 5
        np.testing.assert_array_equal(read.positions, own.positions)
        np.testing.assert_array_equal(read.ids, own.ids)
        np.testing.assert_allclose(read.logprobs, own.logprobs, atol=0.008)
        np.testing.assert_allclose(read.tail_logprob, own.tail_logprob, rtol=1e-6)
        assert read.logprobs.dtype == np.float32


def test_polars_reads_the_same_rows(shard: Path, taught: Taught, tiny_model: Path) -> None:
    tokenizer, frame = load_tokenizer(tiny_model), pl.read_parquet(shard)
    assert frame.select("passage", "position").rows() == sorted(frame.select("passage", "position").rows())
    for number, (rendered, own) in enumerate(taught, start=4):
        rows = frame.filter(pl.col("passage") == number)
        ids = rendered.original.input_ids
        assert rows["target"].cast(pl.String).unique().to_list() == [rendered.passage.target]
        assert rows["kind"].cast(pl.String).unique().to_list() == [rendered.passage.kind]
        assert rows["position"].to_list() == own.positions.tolist()
        assert rows["next_token_id"].to_list() == [ids[p + 1] for p in own.positions]
        assert rows["token"].to_list() == [tokenizer.decode([ids[p]]) for p in own.positions]
        assert rows["next_token"].to_list() == [tokenizer.decode([ids[p + 1]]) for p in own.positions]
        assert rows["teacher_ids"].to_list() == own.ids.tolist()
        np.testing.assert_allclose(rows["teacher_logprobs"].to_list(), own.logprobs, atol=0.008)
        np.testing.assert_allclose(rows["entropy"], own.entropy, rtol=1e-6)
        np.testing.assert_allclose(rows["disagreement"], own.disagreement, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(rows["swapped_mass"], own.swapped_mass, rtol=1e-6)


def test_columns_are_those_of_the_contract(shard: Path) -> None:
    text = "dictionary<values=string, indices=int32, ordered=0>"
    assert {field.name: str(field.type).replace("element", "item") for field in pq.read_schema(shard)} == {
        "target": text,
        "kind": text,
        "passage": "int32",
        "position": "int32",
        "token": "string",
        "next_token": "string",
        "next_token_id": "int32",
        "teacher_ids": "list<item: int32>",
        "teacher_logprobs": "list<item: halffloat>",
        "tail_logprob": "float",
        "entropy": "float",
        "disagreement": "float",
        "swapped_mass": "float",
    }


def test_footer_holds_the_facts(shard: Path) -> None:
    assert json.loads(pq.read_metadata(shard).metadata[b"nevermet"]) == FACTS


def test_same_inputs_give_the_same_bytes(shard: Path, taught: Taught, tiny_model: Path, tmp_path: Path) -> None:
    assert write(tmp_path, taught, tiny_model).read_bytes() == shard.read_bytes()


def test_a_part_is_a_row_group_and_reads_alone(shard: Path) -> None:
    assert row_groups(shard.parent) == [(shard, 0), (shard, 1), (shard, 2)]
    whole = list(read_targets(shard))
    for number, one in enumerate(whole):
        (alone,) = read_targets(shard, number)
        for field in fields(one):
            np.testing.assert_array_equal(getattr(alone, field.name), getattr(one, field.name))


def test_passages_of_one_row_group_are_told_apart(taught: Taught, tiny_model: Path, tmp_path: Path, shard: Path) -> None:
    write_shards(tmp_path, [pa.concat_tables(tables(taught, tiny_model))], FACTS, 1e9)
    (path,) = shard_paths(tmp_path)
    assert row_groups(tmp_path) == [(path, 0)]
    assert pl.read_parquet(path).equals(pl.read_parquet(shard))
    for one, other in zip(read_targets(path, 0), read_targets(shard), strict=True):
        for field in fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@pytest.mark.parametrize(("size", "shards"), [(1, 6), (1e9, 1)])
def test_a_shard_is_full_beyond_its_size(taught: Taught, tiny_model: Path, tmp_path: Path, size: float, shards: int) -> None:
    parts = tables([*taught, *taught], tiny_model)
    write_shards(tmp_path, iter(parts), FACTS, size)
    paths = shard_paths(tmp_path)
    assert [path.name for path in paths] == [f"shard-{index:05d}.parquet" for index in range(shards)]
    assert len(row_groups(tmp_path)) == len(parts)
    assert [p.passage for path in paths for p in read_targets(path)] == list(range(4, 10))
    assert {pq.read_metadata(path).metadata[b"nevermet"] for path in paths} == {
        json.dumps(FACTS, ensure_ascii=False, sort_keys=True).encode()
    }


def test_a_shard_may_have_several_row_groups_and_a_following_one(taught: Taught, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    parts = tables([*taught, *taught], tiny_model)
    write_shards(tmp_path / "one", parts[:2], FACTS, 1e9)
    size = (tmp_path / "one/shard-00000.parquet").stat().st_size / 2
    write_shards(tmp_path, parts, FACTS, size)
    counts = [pq.read_metadata(path).num_row_groups for path in shard_paths(tmp_path)]
    assert sum(counts) == 6 and len(counts) > 1 and max(counts) > 1


def test_no_part_at_all_is_one_empty_shard(tmp_path: Path) -> None:
    write_shards(tmp_path, [], FACTS, 1e9)
    (path,) = shard_paths(tmp_path)
    assert list(read_targets(path)) == []
    assert pl.read_parquet(path).height == 0
    assert json.loads(pq.read_metadata(path).metadata[b"nevermet"]) == FACTS


def test_passage_without_a_trained_position_leaves_no_rows(tiny_model: Path, taught: Taught, tmp_path: Path) -> None:
    rendered, own = taught[0]
    empty = TaughtPassage(*(getattr(own, field.name)[:0] for field in fields(own)))
    assert list(read_targets(write(tmp_path / "empty", [(rendered, empty)], tiny_model))) == []
    some = write(tmp_path / "some", [(rendered, empty), taught[2]], tiny_model)
    assert [p.passage for p in read_targets(some)] == [5]
    assert [[p.passage for p in read_targets(path, group)] for path, group in row_groups(some.parent)] == [[], [5]]


def test_passages_of_one_shard_may_keep_different_numbers_of_tokens(taught: Taught, tiny_model: Path, tmp_path: Path) -> None:
    """Hard targets keep one token, the retain passage beside them all of its own."""
    hard = [(r, replace(own, ids=own.ids[:, :1], logprobs=0 * own.logprobs[:, :1])) for r, own in taught[:2]]
    read = list(read_targets(write(tmp_path, [*hard, taught[2]], tiny_model)))
    assert [p.ids.shape[1] for p in read] == [1, 1, 8]
    for passage, (_, own) in zip(read, [*hard, taught[2]], strict=True):
        np.testing.assert_array_equal(passage.ids, own.ids)
        np.testing.assert_allclose(passage.logprobs, own.logprobs, atol=0.008)
        assert len(passage.positions) == len(passage.ids) == len(passage.tail_logprob)


@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: b"", lambda data: b"x" * len(data)])
def test_broken_shard_is_told(shard: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = tmp_path / shard.name
    path.write_bytes(spoil(shard.read_bytes()))
    with pytest.raises(InputError, match=r"shard-00000.parquet can't be read as Parquet"):
        list(read_targets(path))
    with pytest.raises(InputError, match=r"shard-00000.parquet can't be read as Parquet"):
        row_groups(tmp_path)


def test_shards_are_found_in_order(tmp_path: Path) -> None:
    for name in ("shard-00010.parquet", "shard-00002.parquet", "passages.parquet"):
        (tmp_path / name).touch()
    assert [path.name for path in shard_paths(tmp_path)] == ["shard-00002.parquet", "shard-00010.parquet"]


def test_folder_without_shards_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no shard-\*\.parquet"):
        shard_paths(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "told"),
    [(None, "is missing"), ({"format_version": FORMAT_VERSION + 1}, "has format version"), ({}, "has format version None")],
)
def test_faulty_manifest_is_told(tmp_path: Path, manifest: dict[str, Any] | None, told: str) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_manifest(tmp_path)
