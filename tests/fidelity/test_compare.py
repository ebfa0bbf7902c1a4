"""Errors of a cut teacher, the agreement of two engines, and the dense gradient against autograd on the plain KL."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.distill.loss import bucketed_kl
from pipeline.distill.objective import add_gradient
from pipeline.distill.params import DistillParams
from pipeline.fidelity.compare import (
    agreement,
    agreement_summary,
    as_stored,
    cosine,
    error_summary,
    errors,
    logit_cosine,
    logit_products,
    student_probs,
    take_gradient,
    whole_vocabulary,
)
from pipeline.shards.reader import PassageTargets
from pipeline.teacher.average import cut
from pipeline.train.student import Student

N, T, V = 4, 6, 40
PER_NAME = np.random.default_rng(0).dirichlet(np.full(V, 0.3), (N, T))
DENSE = PER_NAME.mean(0)
PLACES = np.arange(T, dtype=np.int32)
IDS = np.array([5, 60, 71, 8, 93, 40, 12], dtype=np.int32)
POSITIONS = np.array([1, 3, 4], dtype=np.int32)


Kept = tuple[np.ndarray, np.ndarray, np.ndarray]


def kept_of(top_k: int, dense_TV: np.ndarray = DENSE) -> Kept:
    """ids, log-probabilities and tail of the ``top_k`` most probable tokens."""
    return cut(torch.from_numpy(dense_TV.astype(np.float32)), np.zeros((len(dense_TV), 0), dtype=np.int64), top_k)


def stored(top_k: int) -> PassageTargets:
    return as_stored(0, PLACES, *kept_of(top_k))


def sparse(probs: list[float], tail: float, ids: list[int]) -> PassageTargets:
    """One position."""
    logprobs = np.log(np.array([probs], dtype=np.float32))
    tails = np.log(np.array([tail], dtype=np.float32))
    return PassageTargets(0, "forget", np.zeros(1, dtype=np.int32), np.array([ids], dtype=np.int32), logprobs, tails)


def test_values_by_hand() -> None:
    result = errors(np.array([[0.5, 0.3, 0.1, 0.1]]), sparse([0.4, 0.2], 0.4, [0, 1]))
    np.testing.assert_allclose(result["total_variation"], [0.1], rtol=1e-5)
    np.testing.assert_allclose(result["kl_nats"], [0.5 * np.log(5 / 4) + 0.3 * np.log(3 / 2) + 0.2 * np.log(2 / 4)], rtol=1e-5)
    np.testing.assert_allclose(result["tail"], [0.4], rtol=1e-5)
    np.testing.assert_allclose(result["dense_tail"], [0.2], rtol=1e-5)


def test_nothing_is_lost_with_the_whole_vocabulary() -> None:
    result = error_summary([errors(DENSE, stored(V))])
    assert result["total_variation_max"] < 1e-3
    assert 0 <= result["kl_nats_mean"] < 1e-4
    assert result["tail_mean"] < 1e-6
    assert result["dense_tail_mean"] < 1e-6


def test_tail_falls_as_k_grows_and_the_kept_masses_are_those_of_the_dense_teacher() -> None:
    """Only the mean is cut, so whatever K is, nothing but the rounding of float16 separates them."""
    rows = [error_summary([errors(DENSE, stored(top_k))]) for top_k in (1, 4, 8, 16, 32)]
    for key in ("tail_mean", "dense_tail_mean"):
        values = [row[key] for row in rows]
        assert values == sorted(values, reverse=True)
    for row in rows:
        assert row["tail_mean"] == pytest.approx(row["dense_tail_mean"], abs=1e-3)
        assert 0 <= row["total_variation_mean"] <= row["total_variation_max"] < 1e-3
        assert 0 <= row["kl_nats_mean"] < 1e-5


def test_tail_is_kept_even_where_it_is_tiny() -> None:
    dense = np.array([[0.75, 0.25 - 2e-9, 1e-9, 1e-9]])
    result = errors(dense, as_stored(0, PLACES[:1], *kept_of(2, dense)))
    np.testing.assert_allclose(result["tail"], [2e-9], rtol=1e-3)
    assert 0 <= result["kl_nats"][0] < 1e-6


def test_a_teacher_agrees_with_itself_up_to_the_rounding() -> None:
    ids, logprobs, tail = kept_of(8)
    exact = PassageTargets(0, "forget", PLACES, ids, logprobs, tail)
    result = agreement_summary([agreement(stored(8), exact)])
    assert result["same_top_1_share"] == 1.0
    assert 0 < result["logprob_difference_max"] <= 2**-8 + 1e-9
    assert result["logprobs_compared"] > T
    assert agreement_summary([agreement(stored(8), stored(8))])["logprob_difference_max"] == 0.0


def test_only_likely_tokens_that_both_keep_are_compared() -> None:
    other = sparse([0.6, 0.2, 5e-5], 0.2, [7, 5, 9])
    result = agreement(sparse([0.3, 0.2, 1e-3, 0.1], 0.3, [5, 7, 9, 4]), other)
    differences, same_top = result
    np.testing.assert_allclose(differences, [np.log(0.3 / 0.2), np.log(0.6 / 0.2)], rtol=1e-5)
    assert same_top.tolist() == [False]
    assert agreement_summary([result])["logprob_difference_max"] == pytest.approx(np.log(3), rel=1e-5)


@pytest.fixture
def student(tiny_model: Path) -> Student:
    student = Student(tiny_model, "cpu")
    student.model.eval()
    return student


def random_dense(student: Student, seed: int) -> np.ndarray:
    vocabulary = student.model.config.vocab_size
    probs = np.random.default_rng(seed).dirichlet(np.full(vocabulary, 0.1), len(POSITIONS))
    probs[0, 7] = 0.0  # what the reverse swap leaves of a name's token
    return probs / probs.sum(1, keepdims=True)


def test_dense_gradient_is_that_of_the_plain_kl(student: Student) -> None:
    teachers = [random_dense(student, seed) for seed in range(2)]
    for number, teacher in enumerate(teachers):
        whole = whole_vocabulary(number, POSITIONS, teacher)
        add_gradient(student, [whole], {number: IDS}, DistillParams(), 2 * len(POSITIONS), logit_chunk=2)
    ours = take_gradient(student)
    assert all(weight.grad is None for weight in student.model.parameters())
    logprobs = student.model(torch.from_numpy(IDS.astype(np.int64))[None]).logits[0, POSITIONS].log_softmax(-1)
    kls = [torch.nn.functional.kl_div(logprobs, torch.from_numpy(t).float(), reduction="sum") for t in teachers]
    (sum(kls) / (2 * len(POSITIONS))).backward()
    for one, other in zip(ours, take_gradient(student), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_cosine() -> None:
    one = [torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([2.0])]
    assert cosine(one, [3 * part for part in one]) == pytest.approx(1.0)
    assert cosine(one, [-part for part in one]) == pytest.approx(-1.0)
    assert cosine(one, [torch.tensor([[0.0, 5.0], [5.0, 0.0]]), torch.tensor([0.0])]) == 0.0
    assert cosine(one, [torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([0.0])]) == pytest.approx(1 / 3)


def test_cosine_over_more_weights_than_are_multiplied_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(1000, generator=generator) for _ in range(2))
    whole = cosine([one], [other])
    monkeypatch.setattr("pipeline.fidelity.compare._PART", 64)
    assert cosine([one], [other]) == pytest.approx(whole, abs=1e-12)
    assert whole == pytest.approx(float(torch.nn.functional.cosine_similarity(one, other, dim=0)), abs=1e-5)


def kept(dense_TV: np.ndarray, top_k: int) -> PassageTargets:
    """The K most probable tokens of a dense teacher and its tail."""
    ids = np.argsort(-dense_TV, axis=1)[:, :top_k].astype(np.int32)
    probs = np.take_along_axis(dense_TV, ids, axis=1)
    tail = np.log(1 - probs.sum(1))
    return PassageTargets(0, "forget", POSITIONS, ids, np.log(probs).astype(np.float32), tail.astype(np.float32))


def test_logit_cosine_is_that_of_the_losses_own_gradients(student: Student) -> None:
    teacher = random_dense(student, 3)
    of_16 = kept(teacher, 16)
    value = logit_cosine([logit_products(student_probs(student, IDS, POSITIONS), teacher, of_16)])
    with torch.no_grad():
        logits = student.model(torch.from_numpy(IDS.astype(np.int64))[None]).logits[0, POSITIONS]
    gradients = []
    for targets in (whole_vocabulary(0, POSITIONS, teacher), of_16):
        leaf = logits.clone().requires_grad_()
        ids, logprobs, tail = (
            torch.tensor(values) for values in (targets.ids.astype(np.int64), targets.logprobs, targets.tail_logprob)
        )
        bucketed_kl(leaf, ids, logprobs, tail).sum().backward()
        gradients.append(leaf.grad.flatten())
    expected = float(torch.nn.functional.cosine_similarity(*gradients, dim=0))
    assert value == pytest.approx(expected, abs=1e-5)
    assert 0 < value < 1


def test_logit_cosine_is_one_where_nothing_is_cut(student: Student) -> None:
    student_TV, teachers = student_probs(student, IDS, POSITIONS), [random_dense(student, seed) for seed in range(2)]
    products = [logit_products(student_TV, teacher, whole_vocabulary(0, POSITIONS, teacher)) for teacher in teachers]
    assert logit_cosine(products) == pytest.approx(1.0, abs=1e-6)
