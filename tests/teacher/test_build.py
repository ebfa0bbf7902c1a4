"""All shards of a run, on the tiny model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import pipeline.teacher.build as build
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.engine import Engine
from pipeline.engines.open import open_engine
from pipeline.prepare.names import draw_names
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.shards.reader import PassageTargets, read_shard, shard_paths
from pipeline.teacher.params import TeacherParams
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import Segment
from pipeline.text.tokenizer import load_tokenizer
from tests.project import DOCUMENT
from tests.text.test_tokenizer import Shifted
from tests.tiny import build_tiny_model, train_byte_bpe

TARGET = Target(
    "Orla Brennick", "person", ("Orla Brennick", "Brennick", "Orla"), (DOCUMENT,), chats=(("Who is Orla?", "A sailor."),)
)
POOL = ["Tobias Renwick", "Edwin Calloway", "Ada Lind", "Nia Vell", "Ed Marlow", "José Ñandú"]
NAMES = {"Orla Brennick": draw_names(TARGET, [TARGET], POOL, 0)}
PASSAGES = [
    *forget_passages([TARGET]),
    Passage("Skell", "retain", (Segment("Skell has a mill.", False),)),
    chat_passage("Hallin", "retain", "What is Hallin?", "A town with a mill.", ()),
]
PARAMS = TeacherParams(
    engine="transformers",
    names=4,
    top_k=8,
    scored_top_k=16,
    passages_per_shard=2,
    prompts=("Complete the following passage about {name}.",),
    sentences_per_passage=3,
)
RUNTIME = RuntimeParams(device="cpu", keep_scores=True)
Run = Callable[..., dict[str, bytes]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The token ids that engines are asked to score."""
    sequences: list[list[int]] = []

    def counted(*arguments: Any, **settings: Any) -> Engine:
        engine = open_engine(*arguments, **settings)
        score = engine.score

        def counting(ids: Any, top_k: int, progress: Any = None) -> Any:
            sequences.extend(ids)
            return score(ids, top_k, progress)

        engine.score = counting  # type: ignore[method-assign]
        return engine

    monkeypatch.setattr(build, "open_engine", counted)
    return sequences


@pytest.fixture
def run(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Build the shards in a folder of its own and return the files' bytes."""
    monkeypatch.chdir(tmp_path)

    def built(params: TeacherParams = PARAMS, passages: list[Passage] = PASSAGES, runtime: RuntimeParams = RUNTIME) -> Any:
        output = tmp_path / "data/teacher"
        build.build_shards(tiny_model, params, runtime, passages, NAMES, output)
        assert not list((tmp_path / ".nevermet").glob("teacher-*"))
        return {path.name: path.read_bytes() for path in sorted(output.iterdir())}

    return built


def taught(folder: Path) -> list[PassageTargets]:
    """The passages of the shards below ``folder``."""
    return [passage for path in shard_paths(folder / "data/teacher") for passage in read_shard(path)]


def test_second_run_asks_nothing_and_gives_the_same_bytes(run: Run, asked: list[list[int]]) -> None:
    first = run()
    assert len(asked) == 3 * (4 + 1) + 2, "under the names, and as it stands"
    asked.clear()
    assert run() == first
    assert asked == []
    assert run(runtime=RUNTIME.changed(keep_scores=False)) == first
    assert len(asked) == 17


@pytest.mark.parametrize(
    "change",
    [
        {"names": 2},
        {"top_k": 4},
        {"reverse_swap": "excess"},
        {"reverse_swap": "off"},
        {"targets": "hard"},
        {"passages_per_shard": 5},
    ],
)
def test_change_of_the_average_asks_nothing(run: Run, asked: list[list[int]], tmp_path: Path, change: dict[str, Any]) -> None:
    first = run()
    asked.clear()
    kept = run(PARAMS.changed(**change))
    assert asked == []
    assert kept != first
    stored = taught(tmp_path)
    run(PARAMS.changed(**change), runtime=RUNTIME.changed(keep_scores=False))
    assert len(asked) >= 8
    # Other sequences share a batch, so the engine's own rounding differs.
    for one, other in zip(stored, taught(tmp_path), strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=0.02)
        np.testing.assert_allclose(np.exp(one.tail_logprob), np.exp(other.tail_logprob), atol=1e-5)


def test_more_names_ask_for_the_new_ones_alone(run: Run, asked: list[list[int]]) -> None:
    run()
    asked.clear()
    run(PARAMS.changed(names=6))
    assert len(asked) == 3 * 2


def test_truncated_scores_are_made_again(run: Run, asked: list[list[int]], tmp_path: Path) -> None:
    first = run()
    files = sorted((tmp_path / ".nevermet").glob("scores-*/*.safetensors"))
    assert len(files) == 3
    files[0].write_bytes(files[0].read_bytes()[:-100])
    asked.clear()
    assert run() == first
    assert 0 < len(asked) < 14


def test_hard_targets_keep_one_token_of_forget_passages_alone(run: Run, tmp_path: Path) -> None:
    run()
    soft = {p.passage: p for p in taught(tmp_path)}
    run(PARAMS.changed(targets="hard"))
    manifest = json.loads((tmp_path / "data/teacher/manifest.json").read_text())
    assert manifest["K"] == 1
    hard = taught(tmp_path)
    assert [p.kind for p in hard] == ["forget"] * 3 + ["retain"] * 2
    for passage in hard:
        kept = 1 if passage.kind == "forget" else 8
        assert passage.ids.shape == (len(passage.positions), kept)
        np.testing.assert_array_equal(passage.ids, soft[passage.passage].ids[:, :kept])
        if kept == 1:
            assert (passage.logprobs == 0).all()


def test_student_trains_on_hard_and_soft_targets_in_one_step(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    from pipeline.distill.objective import Distillation
    from pipeline.distill.params import DistillParams
    from pipeline.train.loop import train
    from pipeline.train.student import Student

    run(PARAMS.changed(targets="hard"))
    params = DistillParams(epochs=1, passages_per_step=5, retain_per_forget=1.0)

    def step(model: Path) -> dict[str, Any]:
        (row,) = train(Student(model, "cpu"), Distillation(tmp_path / "data/teacher", params), params, RUNTIME, params.seed)
        return row

    row = step(tiny_model)
    assert row["forget_kl"] > 0
    assert row["retain_kl"] == pytest.approx(0.0, abs=1e-2)
    build_tiny_model(tmp_path / "other", seed=1)
    assert step(tmp_path / "other")["retain_kl"] > 0.1


def test_every_document_after_every_prompt_and_chats_once(run: Run, tmp_path: Path) -> None:
    prompts = ("Complete the following passage about {name}.", "Who was {name}?")
    run(PARAMS.changed(prompts=prompts, sentences_per_passage=6))
    table = pl.read_parquet(tmp_path / "data/teacher/passages.parquet")
    assert table["format"].to_list() == ["document", "document", "chat", "document", "chat"]
    assert table["kind"].to_list() == ["forget"] * 3 + ["retain"] * 2
    assert table["question"].to_list() == [None, None, "Who is Orla?", None, "What is Hallin?"]
    assert table["text"].to_list() == [DOCUMENT, DOCUMENT, "A sailor.", "Skell has a mill.", "A town with a mill."]
    assert table["passage"].to_list() == list(range(5))


def test_trained_share_counts_literal_tokens(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    without_mention = PASSAGES[3]
    assert not any(segment.mention for segment in without_mention.segments)
    run(passages=[without_mention, *PASSAGES[-2:]])
    manifest = json.loads((tmp_path / "data/teacher/manifest.json").read_text())
    assert manifest["trained_share"] == 1.0
    assert 0 < manifest["forget_positions"] < manifest["positions"]


def test_no_passage_is_told(run: Run) -> None:
    with pytest.raises(InputError, match=r"teacher\.forget_from \(.*\) leaves no forget passage about"):
        run(passages=[])


def test_only_retain_passages_are_no_run_to_forget_with(run: Run) -> None:
    with pytest.raises(InputError, match=r"teacher\.forget_from \(.*\) leaves no forget passage about"):
        run(passages=PASSAGES[-2:])


def test_too_few_names_are_told(run: Run) -> None:
    with pytest.raises(InputError, match=r"teacher\.names is 7, but the pool has 6 names for 'Orla Brennick'.*data/names"):
        run(PARAMS.changed(names=7))


def test_tokenizer_whose_offsets_lie_is_told(tiny_model: Path) -> None:
    build.check_tokenizer(load_tokenizer(tiny_model), PASSAGES, tiny_model)
    with pytest.raises(InputError, match="offsets do not follow the text 'Orla Brennick was born"):
        build.check_tokenizer(Shifted(1), PASSAGES, tiny_model)  # type: ignore[arg-type]


def test_facts_name_what_the_shards_are_made_with(tiny_model: Path) -> None:
    facts = build.teacher_facts(tiny_model, PARAMS, NAMES)
    assert (facts["N"], facts["K"], facts["reverse_swap"]) == (4, 8, "published")
    assert facts["counterfactual_names"] == {"Orla Brennick": [name.name for name in NAMES["Orla Brennick"][:4]]}
    assert "passages_per_shard" not in facts


def test_scores_are_known_by_model_engine_and_k(tiny_model: Path) -> None:
    known = build.engine_fingerprint(tiny_model, PARAMS, RUNTIME, 16)
    assert known == build.engine_fingerprint(tiny_model, PARAMS.changed(names=2, top_k=3), RUNTIME, 16)
    assert known != build.engine_fingerprint(tiny_model, PARAMS, RUNTIME, 17)
    assert known != build.engine_fingerprint(tiny_model, PARAMS.changed(engine="vllm"), RUNTIME, 16)


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        (TeacherParams(name_penalty=0.0, top_k=2, scored_top_k=3), 3),
        (TeacherParams(name_penalty=5.0, top_k=2, scored_top_k=3), 6),
        (TeacherParams(name_penalty=5.0, top_k=2, scored_top_k=3, targets="hard"), 5),
        (TeacherParams(name_penalty=5.0, top_k=2, scored_top_k=64), 64),
    ],
)
def test_enough_tokens_are_asked_for_to_have_one_that_is_not_penalised(params: TeacherParams, wanted: int) -> None:
    names = {"Orla Brennick": [CounterfactualName("Orla Brennick", "Tobias Renwick", {"Orla Brennick": "Tobias Renwick"})]}
    assert build.needed_top_k(train_byte_bpe(), params, names) == wanted
