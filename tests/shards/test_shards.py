"""Shards: what is written is what is read, here and in polars."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.shards.reader import read_manifest, read_shard, shard_paths
from pipeline.shards.schema import FORMAT_VERSION
from pipeline.shards.writer import passage_table, write_shard
from pipeline.teacher.average import TaughtPassage, hardened, teach
from pipeline.teacher.build import passage_rows
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.scores import ScoreStore
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment, split_mentions
from pipeline.text.tokenizer import load_tokenizer

PARAMS = TeacherParams(engine="transformers", names=2, top_k=8, scored_top_k=16)
FACTS = {"N": 2, "K": 8, "prompts": ["über {name}"]}
NAMES = [
    CounterfactualName("Orla Brennick", "Tobias Renwick", {"Orla Brennick": "Tobias Renwick", "Brennick": "Renwick"}),
    CounterfactualName("Orla Brennick", "Edwin Calloway", {"Orla Brennick": "Edwin Calloway", "Brennick": "Calloway"}),
]
Taught = list[tuple[RenderedPassage, TaughtPassage]]


@pytest.fixture(scope="module")
def taught(tiny_model: Path) -> Taught:
    """Two forget passages and a retain passage, really scored."""
    engine = TransformersEngine(tiny_model, RuntimeParams(device="cpu"))
    renderer = Renderer(load_tokenizer(tiny_model), PARAMS, {"Orla Brennick": NAMES})
    forms = ["Orla Brennick", "Brennick"]
    passages = [
        Passage("Orla Brennick", "forget", tuple(split_mentions("Orla Brennick was born in Zürich 🙂.", forms))),
        Passage("Orla Brennick", "forget", tuple(split_mentions("The tides rose. Brennick's book was printed.", forms))),
        Passage("Skell", "retain", (Segment("Skell has a mill.", False),)),
    ]
    rendered = [renderer.render(passage, PARAMS.prompts[0]) for passage in passages]
    store = ScoreStore(None, lambda: engine, 16)
    return [(r, teach(r, store.score(r.renderings, lambda _: None), PARAMS)) for r in rendered]


@pytest.fixture(scope="module")
def shard(taught: Taught, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shard") / "shard-00000.parquet"
    write(path, taught, tiny_model)
    return path


def write(path: Path, taught: Taught, model: Path) -> None:
    tokenizer = load_tokenizer(model)
    tables = [
        passage_table(passage_rows(number, rendered, own), tokenizer) for number, (rendered, own) in enumerate(taught, start=4)
    ]
    write_shard(path, tables, FACTS)


def test_passages_are_read_as_they_were_written(shard: Path, taught: Taught) -> None:
    passages = list(read_shard(shard))
    assert [p.passage for p in passages] == [4, 5, 6]
    assert [p.kind for p in passages] == ["forget", "forget", "retain"]
    for read, (_, own) in zip(passages, taught, strict=True):
        assert len(read.positions) > 5
        np.testing.assert_array_equal(read.positions, own.positions)
        np.testing.assert_array_equal(read.ids, own.averaged.ids)
        np.testing.assert_allclose(read.logprobs, own.averaged.logprobs, atol=0.008)
        np.testing.assert_allclose(read.tail_logprob, own.averaged.tail_logprob, rtol=1e-6)
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
        assert rows["teacher_ids"].to_list() == own.averaged.ids.tolist()
        np.testing.assert_allclose(rows["teacher_logprobs"].to_list(), own.averaged.logprobs, atol=0.008)
        np.testing.assert_allclose(rows["entropy"], own.averaged.entropy, rtol=1e-6)
        np.testing.assert_allclose(rows["disagreement"], own.averaged.disagreement, rtol=1e-5, atol=1e-7)
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
    write(tmp_path / "again.parquet", taught, tiny_model)
    assert (tmp_path / "again.parquet").read_bytes() == shard.read_bytes()


def test_passage_without_a_trained_position_leaves_no_rows(tiny_model: Path, taught: Taught, tmp_path: Path) -> None:
    rendered, own = taught[0]
    averaged = type(own.averaged)(*(getattr(own.averaged, name)[:0] for name in own.averaged.__dataclass_fields__))
    empty = TaughtPassage(own.positions[:0], averaged, own.swapped_mass[:0])
    write(tmp_path / "empty.parquet", [(rendered, empty)], tiny_model)
    assert list(read_shard(tmp_path / "empty.parquet")) == []
    write(tmp_path / "some.parquet", [(rendered, empty), taught[2]], tiny_model)
    assert [p.passage for p in read_shard(tmp_path / "some.parquet")] == [5]


def test_passages_of_one_shard_may_keep_different_numbers_of_tokens(taught: Taught, tiny_model: Path, tmp_path: Path) -> None:
    """Hard targets keep one token, the retain passage beside them all of its own."""
    hard = [(r, replace(own, averaged=hardened(own.averaged))) for r, own in taught[:2]]
    write(tmp_path / "mixed.parquet", [*hard, taught[2]], tiny_model)
    read = list(read_shard(tmp_path / "mixed.parquet"))
    assert [p.ids.shape[1] for p in read] == [1, 1, 8]
    for passage, (_, own) in zip(read, [*hard, taught[2]], strict=True):
        np.testing.assert_array_equal(passage.ids, own.averaged.ids)
        np.testing.assert_allclose(passage.logprobs, own.averaged.logprobs, atol=0.008)
        assert len(passage.positions) == len(passage.ids) == len(passage.tail_logprob)


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
