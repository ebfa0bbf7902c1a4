"""All shards of a run, on the tiny model."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.engine import Prefill
from pipeline.engines.open import open_prefill
from pipeline.prepare.names import draw_names
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.shards.reader import PassageTargets, read_manifest, read_targets, row_groups, shard_paths
from pipeline.shards.schema import shard_bytes
from pipeline.teacher import build
from pipeline.teacher.counterfactuals import Renderer
from pipeline.teacher.manifest import teacher_facts
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import in_order
from pipeline.teacher.survey import survey
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import Segment
from pipeline.text.tokenizer import load_tokenizer
from tests.project import DOCUMENT
from tests.text.test_tokenizer import Shifted
from tests.tiny import build_tiny_model

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
    prompts=("Complete the following passage about {name}.",),
    sentences_per_passage=3,
)
RUNTIME = RuntimeParams(device="cpu")
Run = Callable[..., dict[str, bytes]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[list[int]]]:
    """The token ids that engines are asked to read, a list a call."""
    calls: list[list[list[int]]] = []

    def counted(*arguments: Any, **settings: Any) -> Prefill:
        engine = open_prefill(*arguments, **settings)
        read = engine.hidden_states

        def counting(sequences: Sequence[list[int]], first_rows: Sequence[int]) -> Any:
            calls.append(list(sequences))
            return read(sequences, first_rows)

        engine.hidden_states = counting  # type: ignore[method-assign]
        return engine

    monkeypatch.setattr(build, "open_prefill", counted)
    return calls


@pytest.fixture
def run(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Build the shards in a folder of its own and return the files' bytes."""
    monkeypatch.chdir(tmp_path)

    def built(params: TeacherParams = PARAMS, passages: Sequence[Passage] = PASSAGES, runtime: RuntimeParams = RUNTIME) -> Any:
        output = tmp_path / "data/teacher"
        manifest = build.build_shards(tiny_model, params, runtime, passages, NAMES, output)
        assert json.loads(json.dumps(manifest)) == read_manifest(output)
        assert not list((tmp_path / ".nevermet").glob("teacher-*"))
        return {path.name: path.read_bytes() for path in sorted(output.iterdir())}

    return built


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch a passage."""
    monkeypatch.setattr(build, "BATCH_TOKENS", 1)


def taught(folder: Path) -> list[PassageTargets]:
    """The passages of the shards below ``folder``."""
    return [passage for path in shard_paths(folder / "data/teacher") for passage in read_targets(path)]


def parts_below(folder: Path) -> list[Path]:
    return sorted(folder.glob(".nevermet/teacher-*/part-*.json"))


def test_second_run_gives_the_same_bytes(run: Run, asked: list[list[list[int]]]) -> None:
    first = run()
    assert list(first) == ["manifest.json", "passages.parquet", "shard-00000.parquet"]
    assert sum(map(len, asked)) == 3 * (4 + 1) + 2, "under the names, and as it stands"
    assert run() == first


def test_a_disk_without_room_for_all_is_told_before_anything_is_read(
    run: Run, asked: list[list[list[int]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match=r"data/teacher: about 0 MiB will be written, and 0 are free"):
        run()
    assert not asked and not (tmp_path / "data/teacher").exists()


def test_the_size_of_the_shards_is_known_before_they_are_there(run: Run, tiny_model: Path) -> None:
    """Within a factor of three, on few passages: files have headers too."""
    written = sum(len(content) for name, content in run().items() if name.startswith("shard"))
    tokenizer = load_tokenizer(tiny_model)
    found = survey(PASSAGES, NAMES, PARAMS, tokenizer, Renderer(tokenizer, PARAMS, NAMES), tiny_model)
    assert written / 3 < shard_bytes(found.tokens, PARAMS.kept) < 3 * written


def test_every_batch_is_read_by_itself(run: Run, asked: list[list[list[int]]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is full when it has the tokens, which depends on the input alone."""
    run()
    (whole,) = asked
    for limit in (1, 700, 10**6):
        asked.clear()
        monkeypatch.setattr(build, "BATCH_TOKENS", limit)
        run()
        assert [ids for call in asked for ids in call] == whole
        tokens = [sum(map(len, call)) for call in asked]
        assert all(count >= limit for count in tokens[:-1])
        assert len(asked) == (5 if limit == 1 else 1 if limit == 10**6 else len(asked))


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("after", [0, 1, 3])
def test_killed_run_resumes_to_the_same_bytes_and_reads_only_the_rest(
    run: Run, asked: list[list[list[int]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: int
) -> None:
    undisturbed = run()
    batches = list(asked)
    assert len(batches) == 5
    asked.clear()
    write, finished = build.write_part, list[int]()

    def killed(work: Any, batch: build.Batch, *rest: Any) -> None:
        if len(finished) == after:
            raise KeyboardInterrupt
        write(work, batch, *rest)
        finished.append(batch.part)

    with monkeypatch.context() as patch:
        patch.setattr(build, "write_part", killed)
        with pytest.raises(KeyboardInterrupt):
            run(PARAMS)
    assert finished == list(range(after))
    assert len(parts_below(tmp_path)) == after
    assert {path.name: path.read_bytes() for path in (tmp_path / "data/teacher").iterdir()} == undisturbed, "the old output"
    asked.clear()
    assert run() == undisturbed
    assert asked == batches[after:]


def not_now(*_: Any, **__: Any) -> Any:
    raise OSError("not now")


def stop_before_shards(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a run with all of its parts finished."""
    with monkeypatch.context() as patch:
        patch.setattr(build, "write_shards", not_now)
        with pytest.raises(OSError, match="not now"):
            run()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("broken", [0, 2, 4])
def test_corrupted_part_is_made_again(
    run: Run, asked: list[list[list[int]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: int
) -> None:
    undisturbed = run()
    batches = list(asked)
    stop_before_shards(run, monkeypatch)
    (folder,) = (tmp_path / ".nevermet").glob("teacher-*")
    assert len(parts_below(tmp_path)) == 5
    path = folder / f"part-{broken:06d}.rows.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    asked.clear()
    assert run() == undisturbed
    assert asked == [batches[broken]], "the broken part alone"


@pytest.mark.usefixtures("small_batches")
def test_finished_parts_need_no_engine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = run()
    stop_before_shards(run, monkeypatch)
    monkeypatch.setattr(build, "open_prefill", not_now)
    assert run() == undisturbed


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize(
    "change", [{"names": 2}, {"top_k": 4}, {"reverse_swap": "excess"}, {"targets": "hard"}, {"prompts": ("Who was {name}?",)}]
)
def test_another_run_takes_up_nothing(
    run: Run,
    asked: list[list[list[int]]],
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    tmp_path: Path,
    tiny_model: Path,
) -> None:
    wanted = run(PARAMS.changed(**change))
    batches = list(asked)
    stop_before_shards(run, monkeypatch)
    assert len(parts_below(tmp_path)) == 5
    asked.clear()
    output = tmp_path / "data/other"
    build.build_shards(tiny_model, PARAMS.changed(**change), RUNTIME, PASSAGES, NAMES, output)
    assert asked == batches
    assert {path.name: path.read_bytes() for path in output.iterdir()} == wanted


@pytest.mark.usefixtures("small_batches")
def test_tiny_shards_hold_a_row_group_a_part_and_are_sorted_over_all(run: Run, tmp_path: Path) -> None:
    files = run(PARAMS.changed(shard_megabytes=1e-9))
    shards = [name for name in files if name.startswith("shard-")]
    assert shards == [f"shard-{index:05d}.parquet" for index in range(5)]
    folder = tmp_path / "data/teacher"
    assert [group for _, group in row_groups(folder)] == [0] * 5
    apart = pl.read_parquet(folder / "shard-*.parquet")
    places = apart.select("passage", "position").rows()
    assert places == sorted(places) and len(set(places)) == len(places)
    assert apart["passage"].unique().to_list() == list(range(5))
    together = run()
    assert [name for name in together if name.startswith("shard-")] == ["shard-00000.parquet"]
    assert [group for _, group in row_groups(folder)] == list(range(5))
    assert pl.read_parquet(folder / "shard-*.parquet").equals(apart)
    assert together["passages.parquet"] == files["passages.parquet"]


@pytest.mark.usefixtures("small_batches")
def test_passages_are_in_step_with_the_shards(run: Run, tmp_path: Path) -> None:
    run(PARAMS.changed(shard_megabytes=1e-9, sentences_per_passage=1))
    passages = pl.read_parquet(tmp_path / "data/teacher/passages.parquet")
    shards = pl.read_parquet(tmp_path / "data/teacher/shard-*.parquet")
    assert passages["passage"].to_list() == list(range(passages.height))
    joined = shards.join(passages, on="passage", suffix="_passage", maintain_order="left")
    assert joined.height == shards.height
    assert (joined["kind"].cast(pl.String) == joined["kind_passage"]).all()
    assert (joined["target"].cast(pl.String) == joined["target_passage"]).all()
    assert (joined["position"] >= joined["prefix_length"] - 1).all()
    following = joined.select(pl.col("input_ids").list.get(pl.col("position") + 1)).to_series()
    assert (following == joined["next_token_id"]).all()
    assert sorted(set(shards["passage"])) == passages["passage"].to_list()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("params", [PARAMS, PARAMS.changed(names=1, prompts=(), reverse_swap="off", name_penalty=5.0)])
def test_manifest_says_what_polars_computes(run: Run, tmp_path: Path, params: TeacherParams) -> None:
    files = run(params.changed(shard_megabytes=1e-9))
    manifest = json.loads(files["manifest.json"])
    shards = pl.read_parquet(tmp_path / "data/teacher/shard-*.parquet")
    forget = shards.filter(pl.col("kind") == "forget")
    assert manifest["passages"] == pl.read_parquet(tmp_path / "data/teacher/passages.parquet").height
    assert manifest["positions"] == shards.height
    assert manifest["forget_positions"] == forget.height
    means = {
        "mean_tail": forget["tail_logprob"].cast(pl.Float64).exp().mean(),
        "mean_entropy_nats": forget["entropy"].mean(),
        "mean_disagreement_nats": forget["disagreement"].mean(),
        "mean_swapped_mass": forget["swapped_mass"].mean(),
    }
    for key, mean in means.items():
        assert manifest[key] == pytest.approx(mean, abs=2e-5), key
    size = sum(len(content) for name, content in files.items() if name.endswith(".parquet"))
    assert manifest["bytes"] == size
    assert manifest["bytes_per_position"] == pytest.approx(size / shards.height, abs=0.06)


def test_kept_and_tail_masses_are_one(run: Run, tmp_path: Path) -> None:
    run()
    for passage in taught(tmp_path):
        masses = np.exp(passage.logprobs.astype(np.float64)).sum(1) + np.exp(passage.tail_logprob.astype(np.float64))
        np.testing.assert_allclose(masses, 1.0, atol=5e-3)


def test_batches_change_nothing_but_the_last_bits(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    stored = taught(tmp_path)
    monkeypatch.setattr(build, "BATCH_TOKENS", 1)
    run()
    for one, other in zip(stored, taught(tmp_path), strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=0.02)
        np.testing.assert_allclose(np.exp(one.tail_logprob), np.exp(other.tail_logprob), atol=1e-5)


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


class Reading(Sequence[Passage]):
    """Passages that say how often they were gone through."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages, self.started = passages, 0

    def __iter__(self) -> Iterator[Passage]:
        self.started += 1
        return iter(self._passages)

    def __getitem__(self, index: Any) -> Any:
        return self._passages[index]

    def __len__(self) -> int:
        return len(self._passages)


def test_passages_are_streamed_in_the_order_of_the_numbers(run: Run, tmp_path: Path, tiny_model: Path) -> None:
    """All documents after one prompt together, and every document after every prompt once."""
    prompts = ("Complete the following passage about {name}.", "Who was {name}?")
    params, passages = PARAMS.changed(prompts=prompts, sentences_per_passage=1), Reading(PASSAGES)
    run(params, passages)
    assert passages.started > 1
    tokenizer = load_tokenizer(tiny_model)
    ordered = list(in_order(PASSAGES, params, tokenizer))
    table = pl.read_parquet(tmp_path / "data/teacher/passages.parquet")
    renderer = Renderer(tokenizer, params, NAMES)
    assert table["input_ids"].to_list() == [renderer.render(*one).original.input_ids for one in ordered]
    forget = [(passage, prompt) for passage, prompt in ordered if passage.kind == "forget" and passage.format == "document"]
    documents = [passage for passage in PASSAGES if passage.kind == "forget" and passage.format == "document"]
    assert forget == [(document, prompt) for prompt in prompts for document in documents]


def test_over_long_passage_is_refused_before_anything_is_read(run: Run, asked: list[list[list[int]]], tmp_path: Path) -> None:
    long = Passage("Skell", "retain", (Segment("Skell has a mill. " * 200, False),))
    with pytest.raises(InputError, match=r"does not fit the context .*\(512 tokens"):
        run(passages=[*PASSAGES, long])
    assert asked == []
    assert not (tmp_path / "data/teacher").exists()
    assert not parts_below(tmp_path)


def test_text_near_the_context_is_judged_by_its_tokens(run: Run, tmp_path: Path) -> None:
    """It has more bytes than the context has tokens, and still fits."""
    long = Passage("Skell", "retain", (Segment("She wrote a book about the tides. " * 20, False),))
    run(passages=[*PASSAGES, long])
    assert pl.read_parquet(tmp_path / "data/teacher/passages.parquet").height == 6


def test_more_kept_tokens_than_the_vocabulary_has_are_refused(run: Run, asked: list[list[list[int]]]) -> None:
    with pytest.raises(InputError, match=r"teacher\.top_k is 100000, but the model's whole vocabulary has \d+ tokens"):
        run(PARAMS.changed(top_k=100_000))
    assert asked == []


def test_tokenizer_whose_offsets_lie_is_told(tiny_model: Path) -> None:
    honest = load_tokenizer(tiny_model)
    renderer = Renderer(honest, PARAMS, NAMES)
    found = survey(PASSAGES, NAMES, PARAMS, honest, renderer, tiny_model)
    assert found.passages == 5
    longest = max(
        len(one.input_ids) for passage in in_order(PASSAGES, PARAMS, honest) for one in renderer.render(*passage).renderings
    )
    assert longest <= found.longest < 512
    with pytest.raises(InputError, match="offsets do not follow the text 'Orla Brennick was born"):
        survey(PASSAGES, NAMES, PARAMS, Shifted(1), renderer, tiny_model)  # type: ignore[arg-type]


def test_fingerprint_is_of_the_passages_and_their_prompts(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)

    def fingerprint(passages: list[Passage], params: TeacherParams = PARAMS) -> str:
        return survey(passages, NAMES, params, tokenizer, Renderer(tokenizer, params, NAMES), tiny_model).fingerprint

    known = fingerprint(PASSAGES)
    assert fingerprint(list(PASSAGES)) == known
    assert fingerprint(PASSAGES[:-1]) != known
    assert fingerprint([*PASSAGES[:-2], *reversed(PASSAGES[-2:])]) != known
    assert fingerprint(PASSAGES, PARAMS.changed(prompts=("Who was {name}?",))) != known


def test_facts_name_what_the_shards_are_made_with(tiny_model: Path) -> None:
    facts = teacher_facts(tiny_model, PARAMS, NAMES)
    assert (facts["N"], facts["K"], facts["reverse_swap"]) == (4, 8, "published")
    assert facts["counterfactual_names"] == {"Orla Brennick": [name.name for name in NAMES["Orla Brennick"][:4]]}
    assert "shard_megabytes" not in facts
