"""KL over the kept tokens and one bucket."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.distill.loss import FOCUS, bucketed_kl, focused

T, V = 6, 40
Loss = Callable[..., torch.Tensor]


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


def by_autograd(logits: torch.Tensor, ids: torch.Tensor, logprobs: torch.Tensor, tail: torch.Tensor) -> torch.Tensor:
    """The same KL in float64 operation by operation, of which autograd takes the gradient."""
    student, kept, whole = logits.double(), logprobs.double(), logits.shape[-1] == ids.shape[-1]
    rest = student.scatter(-1, ids, float("-inf"))
    outcomes = [student.gather(-1, ids)] if whole else [student.gather(-1, ids), rest.logsumexp(-1, keepdim=True)]
    teacher = kept if whole else torch.cat([kept, tail.double()[:, None]], dim=-1)
    teacher, by_outcome = teacher.log_softmax(-1), torch.cat(outcomes, dim=-1).log_softmax(-1)
    return (teacher.exp() * (teacher - by_outcome)).sum(-1)


def loss_and_gradient(loss: Loss, logits: torch.Tensor, *teacher: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The KL of each position, and the gradient of their sum in which they count 1, 2, and so on."""
    leaf = logits.clone().requires_grad_()
    kl = loss(leaf, *teacher)
    (kl * torch.arange(1.0, len(kl) + 1)).sum().backward()
    assert leaf.grad is not None
    return kl.detach(), leaf.grad


def assert_gradient(logits: torch.Tensor, *teacher: torch.Tensor) -> torch.Tensor:
    """Compare loss and gradient with autograd's in float64; returns the gradient."""
    kl, gradient = loss_and_gradient(bucketed_kl, logits, *teacher)
    wanted_kl, wanted = loss_and_gradient(by_autograd, logits.double(), *teacher)
    torch.testing.assert_close(kl.double(), wanted_kl, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.double(), wanted, rtol=1e-4, atol=1e-6)
    return gradient


@pytest.mark.parametrize("k", [1, 4, V - 1, V])
@pytest.mark.parametrize("scale", [0.1, 3.0, 20.0])
def test_gradient_is_that_of_autograd(k: int, scale: float) -> None:
    logits, ids, logprobs, tail, _ = drawn(9, k, scale)
    gradient = assert_gradient(logits, ids, logprobs, tail)
    torch.testing.assert_close(gradient.sum(-1), torch.zeros(T), rtol=0, atol=1e-5)  # a shift of all logits changes nothing


@pytest.mark.parametrize("lead", [-1000.0, -40.0, 40.0, 1000.0])
@pytest.mark.parametrize("log_tail", [math.log(1e-12), -3.0])
def test_gradient_where_the_tail_or_the_rest_is_nearly_nothing_or_all(lead: float, log_tail: float) -> None:
    logits, ids, logprobs, tail, _ = drawn(10, 4)
    assert_gradient(logits.scatter_add(-1, ids, torch.full(ids.shape, lead)), ids, logprobs, torch.full_like(tail, log_tail))


def test_gradient_of_hard_targets_is_that_of_the_cross_entropy() -> None:
    logits, ids, _, tail, _ = drawn(11, 1)
    hard = ids, torch.zeros(T, 1), torch.full_like(tail, math.log(1e-12))
    assert_gradient(logits, *hard)
    _, gradient = loss_and_gradient(bucketed_kl, logits, *hard)
    likelihood = partial(torch.nn.functional.cross_entropy, target=ids[:, 0], reduction="none")
    torch.testing.assert_close(gradient, loss_and_gradient(likelihood, logits)[1], rtol=1e-5, atol=1e-6)


def test_only_logits_that_an_operation_made_are_used_up() -> None:
    logits, *teacher, _ = drawn(12, 4)
    leaf = logits.clone().requires_grad_()
    bucketed_kl(leaf, *teacher).sum().backward()
    torch.testing.assert_close(leaf.detach(), logits, rtol=0, atol=0)
    made = leaf + 0.0
    bucketed_kl(made, *teacher).sum().backward()
    assert leaf.grad is not None
    torch.testing.assert_close(made.detach(), leaf.grad / 2, rtol=0, atol=0)


def test_half_precision_logits_have_the_gradient_of_float32_in_their_own_precision() -> None:
    logits, *teacher, _ = drawn(13, 4)
    half = logits.bfloat16()
    kl, gradient = loss_and_gradient(bucketed_kl, half, *teacher)
    wanted_kl, wanted = loss_and_gradient(bucketed_kl, half.float(), *teacher)
    assert kl.dtype == torch.float32 and gradient.dtype == torch.bfloat16
    torch.testing.assert_close(kl, wanted_kl, rtol=0, atol=0)
    torch.testing.assert_close(gradient, wanted.bfloat16(), rtol=0, atol=0)


def test_autocast_does_not_lower_the_precision() -> None:
    logits, *teacher, _ = drawn(14, 4)
    wanted = loss_and_gradient(bucketed_kl, logits, *teacher)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss_and_gradient(bucketed_kl, logits, *teacher)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


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


def test_far_positions_count_by_their_distance_up_to_a_bound() -> None:
    kl = torch.tensor([0.0, 0.01, 0.05, 0.2, 0.5, 3.0], requires_grad=True)
    loss = focused(kl, 0.05)
    (slope,) = torch.autograd.grad(loss.sum(), kl)
    torch.testing.assert_close(slope, torch.tensor([0.0, 0.2, 1.0, 4.0, 10.0, 10.0]))
    assert float(focused(torch.tensor(FOCUS * 0.05 - 1e-6), 0.05)) == pytest.approx(
        float(focused(torch.tensor(0.5), 0.05)), abs=1e-4
    )
