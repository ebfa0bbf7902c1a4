"""Gradients of the student do not depend on how a step is cut, and laid out."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.speed.workload import Shape, build_model
from pipeline.distill.loss import FOCUS, bucketed_kl
from pipeline.distill.objective import add_gradient, by_passage
from pipeline.distill.params import DistillParams
from pipeline.shards.reader import PassageTargets
from pipeline.train.student import TREE_TOKENS, Student

VOCABULARY, K = 380, 12
WEIGHTS = {"forget": 1.0, "retain": 0.5}
Gradients = dict[str, torch.Tensor]


def make_step(alike: int = 0) -> tuple[list[PassageTargets], dict[int, np.ndarray]]:
    """Four passages, the first ``alike`` tokens of which are the same."""
    rng = np.random.default_rng(0)
    passages, input_ids = [], {}
    for number, (length, kind) in enumerate([(31, "forget"), (12, "retain"), (20, "forget"), (26, "retain")]):
        input_ids[number] = rng.integers(3, VOCABULARY, length).astype(np.int32)
        input_ids[number][:alike] = np.arange(3, 3 + alike)
        positions = np.sort(rng.permutation(length - 1)[: length // 2]).astype(np.int32)
        ids = np.array([rng.permutation(VOCABULARY)[:K] for _ in positions], dtype=np.int32)
        masses = rng.dirichlet(np.ones(K + 1), len(positions)).astype(np.float32)
        logprobs = np.log(masses)
        passages.append(PassageTargets(number, kind, positions, ids, logprobs[:, :K], logprobs[:, K]))
    return passages, input_ids


PASSAGES, INPUT_IDS = make_step()
COUNTS = {kind: sum(len(p.positions) for p in PASSAGES if p.kind == kind) for kind in WEIGHTS}
TOTAL = sum(WEIGHTS[kind] * count for kind, count in COUNTS.items())


@pytest.fixture(scope="module")
def student(tiny_model: Path) -> Student:
    return Student(tiny_model, "cpu")


def gradients(
    student: Student,
    batches: Sequence[Sequence[PassageTargets]],
    chunk: int = 512,
    input_ids: dict[int, np.ndarray] = INPUT_IDS,
    scale: float = 0.0,
) -> tuple[Gradients, dict[str, float]]:
    student.model.zero_grad(set_to_none=True)
    params = DistillParams(retain_weight=WEIGHTS["retain"], retain_scale=scale)
    sums = dict.fromkeys(WEIGHTS, 0.0)
    for batch in batches:
        for kind, kl_T in by_passage(batch, add_gradient(student, batch, input_ids, params, TOTAL, chunk)):
            sums[kind] += float(kl_T.sum())
    return {name: p.grad.clone() for name, p in student.model.named_parameters() if p.grad is not None}, sums


def assert_same(first: Gradients, second: Gradients) -> None:
    assert first.keys() == second.keys()
    assert max(float(gradient.abs().max()) for gradient in first.values()) > 1e-3
    for name, gradient in first.items():
        torch.testing.assert_close(gradient, second[name], rtol=1e-3, atol=1e-6)


def test_chunks_of_logits_do_not_change_the_gradient(student: Student) -> None:
    first, first_sums = gradients(student, [PASSAGES], chunk=7)
    second, second_sums = gradients(student, [PASSAGES], chunk=10_000)
    assert_same(first, second)
    assert first_sums == pytest.approx(second_sums, rel=1e-5)


def test_retain_positions_that_moved_count_more_however_a_step_is_cut(student: Student) -> None:
    plain, plain_sums = gradients(student, [PASSAGES])
    whole, sums = gradients(student, [PASSAGES], scale=0.5)
    cut, cut_sums = gradients(student, [PASSAGES[:2], PASSAGES[2:]], chunk=5, scale=0.5)
    assert_same(whole, cut)
    assert sums == pytest.approx(plain_sums, rel=1e-5), "the curve has the KL as it is"
    assert cut_sums == pytest.approx(plain_sums, rel=1e-5)
    forget, retain = ([p for p in PASSAGES if p.kind == kind] for kind in ("forget", "retain"))
    assert_same(gradients(student, [forget])[0], gradients(student, [forget], scale=0.5)[0])
    far, _ = gradients(student, [retain], scale=1e-6)
    for name, gradient in gradients(student, [retain])[0].items():
        torch.testing.assert_close(FOCUS * gradient, far[name], rtol=1e-3, atol=1e-5)
    assert any(not torch.allclose(plain[name], gradient, rtol=1e-2) for name, gradient in whole.items())


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_micro_batches_do_not_change_the_gradient(student: Student, cut: int) -> None:
    whole, whole_sums = gradients(student, [PASSAGES])
    parts, part_sums = gradients(student, [PASSAGES[:cut], PASSAGES[cut:]])
    assert_same(whole, parts)
    assert whole_sums == pytest.approx(part_sums, rel=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_what_begins_alike_is_read_once_and_leaves_the_gradient_as_it_is(tiny_model: Path, checkpointing: bool) -> None:
    student = Student(tiny_model, "cpu", gradient_checkpointing=checkpointing)
    passages, input_ids = make_step(alike=10)
    sequences, positions = list(input_ids.values()), [p.positions for p in passages]
    assert sorted(*student.micro_batches(sequences, 1000)) == [0, 1, 2, 3]
    last = [int(at.max()) + 1 for at in positions]
    inputs, rows_T, columns_T = student.layout(sequences, positions)
    assert inputs["input_ids"].shape == (1, 10 + sum(last) - 4 * 10), "what they share once, and nothing after the last"
    read_T = inputs["input_ids"][rows_T, columns_T]
    assert read_T.tolist() == [token for ids, at in zip(sequences, positions, strict=True) for token in ids[at]]
    together, sums = gradients(student, [passages], input_ids=input_ids)
    alone, alone_sums = gradients(student, [[p] for p in passages], input_ids=input_ids)
    assert_same(alone, together)
    assert sums == pytest.approx(alone_sums, rel=1e-5)


def test_large_activations_hide_no_sharing(tmp_path: Path) -> None:
    """What is off by rounding alone grows with them: the embedded model's last hidden states go up to 44."""
    build_model(tmp_path, Shape(vocabulary=VOCABULARY, width=256, inner=512, layers=4, heads=4, kv_heads=4))
    student, (passages, input_ids) = Student(tmp_path, "cpu"), make_step(alike=10)
    with torch.no_grad():
        for weight in student.model.parameters():
            torch.nn.init.normal_(weight, std=0.1) if weight.ndim > 1 else None
        student.model.base_model.norm.weight.mul_(1e4)
    inputs, _, _ = student.layout(list(input_ids.values()), [p.positions for p in passages])
    assert inputs["input_ids"].shape[0] == 1


def test_what_a_model_can_is_tried_in_its_own_precision_and_the_mask_has_that_of_the_arithmetic(tiny_model: Path) -> None:
    student, (passages, input_ids) = Student(tiny_model, "cpu"), make_step(alike=10)
    lowered = list[bool]()
    student.model.base_model.register_forward_pre_hook(lambda *_: lowered.append(torch.is_autocast_enabled("cpu")))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inputs, _, _ = student.layout(list(input_ids.values()), [p.positions for p in passages])
    assert lowered and not any(lowered)
    assert inputs["attention_mask"].dtype == torch.bfloat16


def test_a_row_keeps_to_its_limit(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    passages, input_ids = make_step(alike=10)
    monkeypatch.setitem(TREE_TOKENS, "cpu", 40)
    inputs, _, _ = student.layout(list(input_ids.values()), [p.positions for p in passages])
    assert inputs["input_ids"].shape[0] == len(passages)


def test_what_shares_too_little_is_padded(student: Student) -> None:
    sequences = [np.arange(number, number + 24) for number in (10, 40, 70)]
    positions = [np.array([3, 20]), np.array([22]), np.array([0, 1, 21])]
    assert sorted(*student.micro_batches(sequences, 1000)) == [0, 1, 2]
    assert sorted(map(len, student.micro_batches(sequences, 50))) == [1, 2]
    inputs, rows_T, columns_T = student.layout(sequences, positions)
    assert inputs["attention_mask"].sum(1).tolist() == [21, 23, 22], "nothing after the last"
    read_T = inputs["input_ids"][rows_T, columns_T]
    assert read_T.tolist() == [token for ids, at in zip(sequences, positions, strict=True) for token in ids[at]]


def test_gradient_checkpointing_does_not_change_the_gradient(student: Student, tiny_model: Path) -> None:
    checkpointed = Student(tiny_model, "cpu", gradient_checkpointing=True)
    assert checkpointed.model.is_gradient_checkpointing
    kept, kept_sums = gradients(student, [PASSAGES])
    again, again_sums = gradients(checkpointed, [PASSAGES])
    assert_same(kept, again)
    assert kept_sums == pytest.approx(again_sums, rel=1e-6)


def test_gradient_in_bfloat16_points_the_same_way(student: Student, tiny_model: Path) -> None:
    exact, sums = gradients(student, [PASSAGES])
    rounded, rounded_sums = gradients(Student(tiny_model, "cpu", "bfloat16"), [PASSAGES])
    first = torch.cat([gradient.flatten() for gradient in exact.values()])
    second = torch.cat([rounded[name].float().flatten() for name in exact])
    assert torch.nn.functional.cosine_similarity(first, second, dim=0) > 0.99
    assert rounded_sums == pytest.approx(sums, rel=0.02)


def test_gradient_is_that_of_the_weighted_mean_over_whole_logits(student: Student) -> None:
    ours, sums = gradients(student, [PASSAGES])
    student.model.zero_grad(set_to_none=True)
    loss, by_kind = torch.zeros(()), dict.fromkeys(WEIGHTS, 0.0)
    for p in PASSAGES:
        ids = torch.from_numpy(INPUT_IDS[p.passage].astype(np.int64))[None]
        logits = student.model(input_ids=ids, use_cache=False).logits[0, p.positions.astype(np.int64)]
        kl = bucketed_kl(
            logits, torch.from_numpy(p.ids.astype(np.int64)), torch.from_numpy(p.logprobs), torch.from_numpy(p.tail_logprob)
        ).sum()
        by_kind[p.kind] += float(kl.detach())
        loss = loss + WEIGHTS[p.kind] * kl / TOTAL
    loss.backward()
    assert_same({name: p.grad.clone() for name, p in student.model.named_parameters() if p.grad is not None}, ours)
    assert sums == pytest.approx(by_kind, rel=1e-4)


def test_saved_student_is_the_model_with_the_bases_tokenizer(student: Student, tiny_model: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    student.save(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        assert (tmp_path / name).read_bytes() == (tiny_model / name).read_bytes()
    again = AutoModelForCausalLM.from_pretrained(str(tmp_path)).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in student.model.state_dict().items())


def test_generation_values_that_transformers_refuses_to_write_cost_no_training(tiny_model: Path, tmp_path: Path) -> None:
    """Published models come with a temperature and without do_sample."""
    base = Path(shutil.copytree(tiny_model, tmp_path / "base"))
    (base / "generation_config.json").write_text('{"bos_token_id": 1, "eos_token_id": 2, "temperature": 0.9, "top_p": 0.6}')
    Student(base, "cpu").save(tmp_path / "student")
    assert (tmp_path / "student/generation_config.json").read_bytes() == (base / "generation_config.json").read_bytes()
