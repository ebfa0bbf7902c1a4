"""The schedule, and steps of the optimizer in both precisions; in bfloat16 where torchao is installed, which a CPU lacks."""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.distill.params import DistillParams
from pipeline.model.params import Precision
from pipeline.train.optimizer import BETAS, Optimizer, rate_at
from pipeline.train.student import Student, open_student

PARAMS = DistillParams(max_grad_norm=1.0, warmup_fraction=0.0)


needs_torchao = pytest.mark.skipif(find_spec("torchao") is None, reason="torchao is part of the gpu extra")


def opened(folder: Path, precision: Precision, rate: float = 1e-3, steps: int = 10**9) -> tuple[Student, Optimizer]:
    """A student with an optimizer whose rate falls linearly over ``steps``: with the default it stays as good as the same."""
    student = Student(folder, "cpu", precision)
    return student, Optimizer(student, PARAMS.changed(precision=precision, learning_rate=rate), steps)


def backward(student: Student, seed: int = 0) -> float:
    """Cross entropy of one random text, and its gradient."""
    ids = torch.randint(3, 380, (1, 40), generator=torch.Generator().manual_seed(seed))
    loss = student.model(input_ids=ids, labels=ids).loss
    loss.backward()
    return float(loss.detach())


def test_float32_steps_are_those_of_torch(tiny_model: Path) -> None:
    student, optimizer = opened(tiny_model, "float32", steps=2)
    twin = Student(tiny_model, "cpu").model
    adamw = torch.optim.AdamW(twin.parameters(), lr=1.0, weight_decay=0.0, betas=BETAS)
    for rate in (1e-3, 5e-4):
        backward(student)
        optimizer.clip()
        twin.zero_grad()
        for ours, theirs in zip(student.model.parameters(), twin.parameters(), strict=True):
            theirs.grad = ours.grad.clone()
        adamw.param_groups[0]["lr"] = rate
        assert optimizer.rate == rate
        optimizer.step()
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
    optimizer.step()
    for weight in matrices:
        for state in ("exp_avg", "exp_avg_sq"):
            codes = optimizer._adamw.state[weight][state].codes
            assert codes.numel() == weight.numel() and codes.element_size() == 1


@needs_torchao
def test_bfloat16_steps_smaller_than_the_last_bit_are_kept_in_the_mean(tiny_model: Path) -> None:
    """At 1 bfloat16 goes up by 1/128; 20 steps of 1e-4 move the mean by 0.002, where rounding to the nearest moves nothing."""
    student, optimizer = opened(tiny_model, "bfloat16", rate=1e-4)
    torch.manual_seed(0)
    weight = student.model.get_input_embeddings().weight
    with torch.no_grad():
        weight.fill_(1.0)
    for _ in range(20):
        for parameter in student.model.parameters():
            parameter.grad = torch.full_like(parameter, -1.0)
        optimizer.step()
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
            optimizer.step()
        return losses[0], losses[-1], student.model.state_dict()

    first, last, _ = learn("float32")
    rounded_first, rounded_last, weights = learn("bfloat16")
    assert rounded_first == pytest.approx(first, rel=0.01)
    assert first - rounded_last == pytest.approx(first - last, rel=0.05)
    again = learn("bfloat16")[2]
    assert all(torch.equal(value, again[name]) for name, value in weights.items())


@pytest.mark.skipif(find_spec("torchao") is not None, reason="torchao is installed")
def test_bfloat16_without_torchao_is_refused(tiny_model: Path) -> None:
    with pytest.raises(InputError, match=r"needs torchao.*nevermet\[gpu\]"):
        opened(tiny_model, "bfloat16")


def test_bfloat16_on_a_cpu_is_refused(tiny_model: Path) -> None:
    with pytest.raises(InputError, match=r"CUDA.*'float32'"):
        open_student(tiny_model, "bfloat16", RuntimeParams(device="cpu"))


def test_student_is_opened_as_the_runtime_says(tiny_model: Path) -> None:
    student = open_student(tiny_model, "float32", RuntimeParams(device="cpu", gradient_checkpointing=True))
    assert student.model.is_gradient_checkpointing and student.device == "cpu"
    assert student.model.dtype == torch.float32


PEAK = 3e-5


@given(st.integers(1, 300), st.floats(0, 1))
def test_rate_rises_peaks_falls_and_stays_above_zero(steps: int, warmup_fraction: float) -> None:
    rates = [rate_at(step, steps, PEAK, warmup_fraction) for step in range(steps)]
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(PEAK)
    assert all(earlier < later for earlier, later in pairwise(rates[: top + 1]))
    assert all(earlier >= later for earlier, later in pairwise(rates[top:]))
    assert min(rates) > 0


def test_rates_of_ten_steps() -> None:
    rates = [rate_at(step, 10, 1.0, 0.2) for step in range(10)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert [rate_at(step, 4, 1.0, 0.0) for step in range(4)] == pytest.approx([1.0, 0.75, 0.5, 0.25])
