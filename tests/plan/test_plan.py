"""What a run will cost: counts against the run itself, operations against their definition, the command."""

from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, LlamaConfig

from pipeline.core.runtime import RuntimeParams
from pipeline.distill.objective import passages_of_epoch
from pipeline.distill.params import DistillParams
from pipeline.engines.vllm_engine import STEPS_CACHED
from pipeline.plan import cost
from pipeline.plan.cost import Shape, Work, cost_of, count_work, model_shape
from pipeline.plan.rates import card_rates
from pipeline.plan.report import plan_lines
from pipeline.prepare.names import draw_names
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.shards.reader import read_input_ids, read_manifest
from pipeline.teacher.build import build_shards
from pipeline.teacher.params import TeacherParams
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment
from pipeline.text.tokenizer import load_tokenizer
from tests.project import DOCUMENT, make_project, stage

TARGET = Target("Orla Brennick", "person", ("Orla Brennick", "Brennick", "Orla"), (DOCUMENT,))
NAMES = {"Orla Brennick": draw_names(TARGET, [TARGET], ["Tobias Renwick", "Edwin Calloway", "Ada Lind"], 0)}
PASSAGES = [*forget_passages([TARGET]), Passage("Skell", "retain", (Segment("Skell has a mill.", False),))]
PARAMS = TeacherParams(engine="transformers", names=3, top_k=8)
WORK = Work(10, 100.0, 6000.0, 4000.0, 900.0, 50.0, 700.0, 400.0, 50.0, 0.5)


@pytest.mark.parametrize("tied", [True, False])
def test_shape_counts_the_weights_of_the_model(tmp_path: Path, tied: bool) -> None:
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    config.save_pretrained(tmp_path)
    model = AutoModelForCausalLM.from_config(config)
    shape = model_shape(tmp_path)
    assert shape.weights == sum(weight.numel() for weight in model.parameters())
    assert shape.head == 300 * 32
    assert shape.body == sum(weight.numel() for weight in model.model.layers.parameters()) + 32, "with the last norm"
    assert (shape.width, shape.layers, shape.vocabulary) == (32, 2, 300)
    assert shape.cached == 2 * 2 * (2 * 8) * 4, "keys and values, two layers of two heads, four bytes"


def test_counts_are_those_of_the_run(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(cost.BLOCK, "cpu", 4)
    work = count_work(PASSAGES, NAMES, PARAMS, load_tokenizer(tiny_model), "cpu", step=2)
    build_shards(tiny_model, PARAMS, RuntimeParams(device="cpu"), PASSAGES, NAMES, tmp_path / "teacher")
    manifest = read_manifest(tmp_path / "teacher")
    assert (work.passages, work.positions) == (manifest["passages"], manifest["positions"])
    student = [list(ids) for ids in read_input_ids(tmp_path / "teacher").values()]
    assert work.student_tokens == sum(map(len, student))
    beginnings = {tuple(ids[:end]) for ids in student for end in range(1, len(ids) + 1)}
    assert len(beginnings) < work.student_computed < work.student_tokens, "two at a time share less than all"
    assert work.renderings == 3 * (len(PASSAGES) - 1) * 4 + 1, "under three names and as it stands"
    assert 0.3 * work.tokens < work.computed_tokens < 0.9 * work.tokens
    params = DistillParams(retain_per_forget=0.01)
    trained = passages_of_epoch(tmp_path / "teacher", params, 0)
    assert work.epoch_share(params) * work.passages == pytest.approx(len(trained), abs=1)


def test_a_sample_stands_for_all(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer(tiny_model)
    many = [replace(passage, document=number) for number in range(6) for passage in PASSAGES]
    whole = count_work(many, NAMES, PARAMS, tokenizer, "cpu", step=2)
    monkeypatch.setattr(cost, "RENDERED", 40)
    sampled = count_work(many, NAMES, PARAMS, tokenizer, "cpu", step=2)
    assert sampled.passages == whole.passages
    for key in ("tokens", "positions", "head_rows"):
        assert getattr(sampled, key) == pytest.approx(getattr(whole, key), rel=0.2)


def test_more_people_are_more_work_of_the_same_kind() -> None:
    more = WORK.times(50)
    assert (more.passages, more.tokens, more.forget_share) == (500, 300_000.0, 0.5)
    assert more.epoch_share(DistillParams()) == WORK.epoch_share(DistillParams())


def test_operations_and_bytes_by_hand() -> None:
    shape = Shape(body=1000, head=300, weights=1300, width=8, layers=2, vocabulary=40, cached=500)
    runtime, teacher, distill = RuntimeParams(), TeacherParams(top_k=100), DistillParams(epochs=2, retain_weight=0.0)
    found = cost_of(WORK, shape, teacher, distill, runtime, cuda=False)
    assert found.teacher_flops == 2 * 1000 * 4000 + 2 * 300 * 900
    assert found.distill_flops == 6 * 2 * 0.5 * (1000 * 400 + 300 * 50)
    assert (found.student_tokens, found.student_computed) == (700, 400)
    assert found.shard_bytes == pytest.approx(50 * 320)
    wide = cost_of(WORK, replace(shape, cached=600), teacher, distill, runtime, cuda=False)
    assert wide.teacher_memory - found.teacher_memory == 100 * STEPS_CACHED * runtime.max_num_batched_tokens
    huge = cost_of(WORK, replace(shape, cached=10**9), teacher, distill, runtime, cuda=False)
    assert huge.teacher_memory - wide.teacher_memory < runtime.cpu_kv_cache_gib * 2**30
    hard = cost_of(WORK, shape, teacher.changed(targets="hard"), distill, runtime, cuda=False)
    assert hard.shard_bytes < found.shard_bytes / 5
    large = replace(shape, weights=10**9)
    float32, bfloat16 = (
        cost_of(WORK, large, teacher, distill.changed(precision=precision), runtime, cuda=True).distill_memory
        for precision in ("float32", "bfloat16")
    )
    assert float32 - bfloat16 == 10e9


def test_a_step_is_cut_into_rows_as_the_device_takes_them(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cost.TREE_TOKENS, "cpu", 1)
    on_cpu, on_cuda = (
        count_work(PASSAGES, NAMES, PARAMS, load_tokenizer(tiny_model), name, step=9) for name in ("cpu", "cuda")
    )
    assert on_cuda.student_computed < on_cpu.student_computed == on_cpu.student_tokens, "nothing is shared in rows of a token"


def test_cards_add_up() -> None:
    assert card_rates("h100", 8).scoring == 8 * card_rates("h100", 1).training


def test_what_exceeds_a_card_is_said() -> None:
    shape = Shape(body=1000, head=300, weights=10**9, width=8, layers=2, vocabulary=40, cached=500)
    needed = cost_of(WORK, shape, TeacherParams(), DistillParams(), RuntimeParams(), cuda=True)
    small, large = (list(plan_lines(WORK, shape, needed, card_rates(card, 8), 2)) for card in ("rtx4090", "a100"))
    assert needed.teacher_memory < 16e9 < needed.distill_memory < 24e9
    assert small == large[:5] + small[5:7], "both fit"
    bigger = replace(needed, distill_memory=30e9)
    *_, last = plan_lines(WORK, shape, bigger, card_rates("rtx4090", 8), 2)
    assert last == "distill does not fit: it runs on one card so far, needs 30.0 GB, and the card has 24.0 GB"


def test_command_says_what_the_three_numbers_are(tiny_model: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", tiny_model, templates=2)
    missing = stage(project, "plan", "--card", "h100", check=False)
    assert missing.exit_code == 2
    assert "dvc repro base" in missing.stderr
    for name in ("base", "prepare"):
        stage(project, name)
    lines = stage(project, "plan", "--card", "h100", "--people", "7").stdout.splitlines()
    assert lines[0].startswith("7 targets, ")
    assert lines[-2].startswith("teacher ")
    assert "data/elicited is missing, so elicited passages are not counted" in lines[-1]
    refused = stage(project, "plan", "--config", str(tiny_model), check=False)
    assert refused.exit_code == 2
    assert "give a --card as well" in refused.stderr
    (tmp_path / "empty").mkdir()
    no_model = stage(project, "plan", "--config", str(tmp_path / "empty"), "--card", "h100", check=False)
    assert no_model.exit_code == 2
    assert "config.json describes no causal model" in no_model.stderr


def test_rates_are_measured_here(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.plan import rates

    monkeypatch.setattr(rates, "SECONDS", 0.2)
    found = rates.measured_rates(tiny_model, model_shape(tiny_model), RuntimeParams(device="cpu"))
    assert found.scoring > 0
    assert found.training > 0
