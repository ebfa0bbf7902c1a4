"""KL over the kept tokens and one bucket."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.distill.loss import bucketed_kl

T, V = 6, 40


def drawn(seed: int, k: int, scale: float = 3.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Student logits, the teacher's k best ids with log-probabilities and tail, and its dense log-probabilities."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(T, V, generator=generator)
    dense = (scale * torch.randn(T, V, generator=generator, dtype=torch.float64)).log_softmax(-1)
    logprobs, ids = dense.topk(k, dim=-1)
    tail = torch.log1p(-logprobs.exp().sum(-1).clamp(max=1 - 1e-12))
    return logits, ids, logprobs.float(), tail.float(), dense


def full_kl(logits: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
    return (dense.exp() * (dense - logits.double().log_softmax(-1))).sum(-1)


def oracle(logits: torch.Tensor, ids: torch.Tensor, logprobs: torch.Tensor, tail: torch.Tensor) -> torch.Tensor:
    """The K + 1 masses of both, in float64."""
    student = logits.double().softmax(-1).gather(-1, ids)
    student = torch.cat([student, 1 - student.sum(-1, keepdim=True)], dim=-1)
    teacher = torch.cat([logprobs.double(), tail.double()[:, None]], dim=-1).exp()
    teacher = teacher / teacher.sum(-1, keepdim=True)
    return (teacher * (teacher / student).log()).sum(-1)


def test_whole_vocabulary_gives_the_full_kl() -> None:
    logits, ids, logprobs, tail, dense = drawn(0, V)
    torch.testing.assert_close(bucketed_kl(logits, ids, logprobs, tail).double(), full_kl(logits, dense), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("k", [1, 4, V - 1])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equals_the_oracle_over_k_and_a_bucket(k: int, seed: int) -> None:
    logits, ids, logprobs, tail, _ = drawn(seed, k)
    torch.testing.assert_close(
        bucketed_kl(logits, ids, logprobs, tail).double(), oracle(logits, ids, logprobs, tail), rtol=1e-4, atol=1e-5
    )


@given(st.integers(0, 10**6), st.integers(1, V), st.sampled_from([0.01, 1.0, 5.0, 30.0]))
def test_never_negative_and_a_lower_bound_of_the_full_kl(seed: int, k: int, scale: float) -> None:
    logits, ids, logprobs, tail, dense = drawn(seed, k, scale)
    kl = bucketed_kl(logits, ids, logprobs, tail)
    assert kl.dtype == torch.float32
    assert (kl >= -1e-5).all()
    assert (kl.double() <= full_kl(logits, dense) * (1 + 1e-5) + 1e-5).all()


def test_zero_for_the_same_distribution() -> None:
    _, ids, logprobs, tail, dense = drawn(4, 5)
    torch.testing.assert_close(bucketed_kl(dense.float(), ids, logprobs, tail), torch.zeros(T), rtol=0, atol=1e-5)


def test_only_the_sum_outside_the_kept_tokens_counts() -> None:
    logits, ids, logprobs, tail, _ = drawn(5, 3)
    outside = torch.ones(T, V, dtype=torch.bool).scatter(-1, ids, False)
    shuffled = logits.clone()
    shuffled[outside] = logits[outside].reshape(T, V - 3).flip(-1).flatten()
    assert not torch.equal(shuffled, logits)
    torch.testing.assert_close(bucketed_kl(shuffled, ids, logprobs, tail), bucketed_kl(logits, ids, logprobs, tail))


@pytest.mark.parametrize("lead", [30.0, 100.0, 1000.0])
def test_gradient_is_finite_when_the_student_is_all_on_the_kept_tokens(lead: float) -> None:
    logits, ids, logprobs, tail, _ = drawn(6, 4)
    logits = logits.scatter_add(-1, ids, torch.full(ids.shape, lead)).requires_grad_()
    kl = bucketed_kl(logits, ids, logprobs, tail)
    kl.sum().backward()
    assert torch.isfinite(kl).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    outside = torch.ones(T, V, dtype=torch.bool).scatter(-1, ids, False)
    torch.testing.assert_close(-(logits.grad * outside).sum(-1), tail.exp(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("k", [8, V])
def test_rounded_teacher_is_normalised(k: int) -> None:
    logits, ids, logprobs, tail, _ = drawn(7, k)
    rounded = (logprobs + 0.3).half().float()
    shifted_tail = tail + 0.3
    torch.testing.assert_close(
        bucketed_kl(logits, ids, rounded, shifted_tail), bucketed_kl(logits, ids, logprobs, tail), rtol=0.02, atol=0.02
    )
    stored = logprobs.half().float()
    same = torch.full((T, V), -1e4).scatter(-1, ids, stored)
    if k < V:
        outside = torch.ones(T, V, dtype=torch.bool).scatter(-1, ids, False)
        first = outside.int().argmax(-1, keepdim=True)
        same = same.scatter(-1, first, tail[:, None])
    assert (stored - logprobs).abs().max() > 1e-4
    torch.testing.assert_close(bucketed_kl(same, ids, stored, tail), torch.zeros(T), rtol=0, atol=1e-5)


def test_half_precision_logits_are_taken_in_float32() -> None:
    logits, ids, logprobs, tail, _ = drawn(8, 8)
    half = logits.bfloat16()
    torch.testing.assert_close(bucketed_kl(half, ids, logprobs, tail), bucketed_kl(half.float(), ids, logprobs, tail))
