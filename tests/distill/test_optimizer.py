"""Steps of the optimizer in both precisions; those in bfloat16 where torchao is installed, which a CPU install leaves out."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from pipeline.distill.optimizer import BETAS, Optimizer
from pipeline.distill.student import Student, open_student
from pipeline.errors import InputError
from pipeline.params import DistillParams, Precision, RuntimeParams

PARAMS = DistillParams(learning_rate=1e-3, max_grad_norm=1.0)


needs_torchao = pytest.mark.skipif(find_spec("torchao") is None, reason="torchao is part of the gpu extra")


def opened(folder: Path, precision: Precision) -> tuple[Student, Optimizer]:
    student = Student(folder, "cpu", precision)
    return student, Optimizer(student, replace(PARAMS, precision=precision))


def backward(student: Student, seed: int = 0) -> float:
    """Cross entropy of one random text, and its gradient."""
    ids = torch.randint(3, 380, (1, 40), generator=torch.Generator().manual_seed(seed))
    loss = student.model(input_ids=ids, labels=ids).loss
    loss.backward()
    return float(loss.detach())


def test_float32_steps_are_those_of_torch(tiny_model: Path) -> None:
    student, optimizer = opened(tiny_model, "float32")
    twin = Student(tiny_model, "cpu").model
    adamw = torch.optim.AdamW(twin.parameters(), lr=1.0, weight_decay=0.0, betas=BETAS)
    for rate in (1e-3, 5e-4):
        backward(student)
        optimizer.clip()
        twin.zero_grad()
        for ours, theirs in zip(student.model.parameters(), twin.parameters(), strict=True):
            theirs.grad = ours.grad.clone()
        adamw.param_groups[0]["lr"] = rate
        optimizer.step(rate)
        adamw.step()
        assert all(weight.grad is None for weight in student.model.parameters())
    for ours, theirs in zip(student.model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=needs_torchao)])
def test_clip_returns_the_norm_before_and_cuts_to_the_limit(tiny_model: Path, precision: Precision) -> None:
    student, optimizer = opened(tiny_model, precision)
    backward(student)
    norm = float(torch.stack([weight.grad.float().norm() for weight in student.model.parameters()]).norm())
    assert norm > 1
    assert optimizer.clip() == pytest.approx(norm, rel=0.01)
    cut = float(torch.stack([weight.grad.float().norm() for weight in student.model.parameters()]).norm())
    assert cut == pytest.approx(1.0, rel=0.01)


@needs_torchao
def test_bfloat16_keeps_six_bytes_a_weight(tiny_model: Path) -> None:
    student, optimizer = opened(tiny_model, "bfloat16")
    backward(student)
    matrices = [weight for weight in student.model.parameters() if weight.ndim == 2]
    assert {weight.dtype for weight in matrices} == {torch.bfloat16} == {weight.grad.dtype for weight in matrices}
    optimizer.step(1e-3)
    for weight in matrices:
        for state in ("exp_avg", "exp_avg_sq"):
            codes = optimizer._adamw.state[weight][state].codes
            assert codes.numel() == weight.numel() and codes.element_size() == 1


@needs_torchao
def test_bfloat16_steps_smaller_than_the_last_bit_are_kept_in_the_mean(tiny_model: Path) -> None:
    """At 1 bfloat16 goes up by 1/128; 20 steps of 1e-4 move the mean by 0.002, where rounding to the nearest moves nothing."""
    student, optimizer = opened(tiny_model, "bfloat16")
    torch.manual_seed(0)
    weight = student.model.get_input_embeddings().weight
    with torch.no_grad():
        weight.fill_(1.0)
    for _ in range(20):
        for parameter in student.model.parameters():
            parameter.grad = torch.full_like(parameter, -1.0)
        optimizer.step(1e-4)
    assert float(weight.detach().double().mean()) - 1 == pytest.approx(0.002, rel=0.05)
    assert len(weight.unique()) > 1
    assert (torch.ones(1, dtype=torch.bfloat16) + 1e-4).item() == 1


@needs_torchao
def test_bfloat16_learns_as_float32_does_and_the_same_seed_gives_the_same_weights(tiny_model: Path) -> None:
    def learn(precision: Precision) -> tuple[float, float, dict[str, torch.Tensor]]:
        torch.manual_seed(0)
        student, optimizer = opened(tiny_model, precision)
        losses = []
        for _ in range(30):
            losses.append(backward(student))
            optimizer.clip()
            optimizer.step(1e-3)
        return losses[0], losses[-1], student.model.state_dict()

    first, last, _ = learn("float32")
    rounded_first, rounded_last, weights = learn("bfloat16")
    assert rounded_first == pytest.approx(first, rel=0.01)
    assert first - rounded_last == pytest.approx(first - last, rel=0.05)
    again = learn("bfloat16")[2]
    assert all(torch.equal(value, again[name]) for name, value in weights.items())


@pytest.mark.skipif(find_spec("torchao") is not None, reason="torchao is installed")
def test_bfloat16_without_torchao_is_refused(tiny_model: Path) -> None:
    with pytest.raises(InputError, match=r"needs torchao.*obliviate\[gpu\]"):
        opened(tiny_model, "bfloat16")


def test_bfloat16_on_a_cpu_is_refused(tiny_model: Path) -> None:
    with pytest.raises(InputError, match=r"CUDA.*'float32'"):
        open_student(tiny_model, "bfloat16", RuntimeParams(device="cpu"))


def test_student_is_opened_as_the_runtime_says(tiny_model: Path) -> None:
    student = open_student(tiny_model, "float32", RuntimeParams(device="cpu", gradient_checkpointing=True))
    assert student.model.is_gradient_checkpointing and student.device == "cpu"
    assert student.model.dtype == torch.float32
