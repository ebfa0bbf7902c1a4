"""The dense gradient against autograd on the plain KL, and the cosine."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.distill.loss import bucketed_kl
from pipeline.distill.student import Student
from pipeline.fidelity.dense import DenseTeacher
from pipeline.fidelity.gradients import LogitCosine, add_gradient, cosine, student_probs, take_gradient, whole_vocabulary
from pipeline.teacher.shards import PassageTargets

IDS = np.array([5, 60, 71, 8, 93, 40, 12], dtype=np.int32)
POSITIONS = np.array([1, 3, 4], dtype=np.int32)


@pytest.fixture
def student(tiny_model: Path) -> Student:
    student = Student(tiny_model, "cpu")
    student.model.eval()
    return student


def dense(student: Student, seed: int) -> DenseTeacher:
    vocabulary = student.model.config.vocab_size
    probs = np.random.default_rng(seed).dirichlet(np.full(vocabulary, 0.1), len(POSITIONS))
    probs[0, 7] = 0.0  # what the reverse swap leaves of a name's token
    return DenseTeacher(POSITIONS, probs / probs.sum(1, keepdims=True), np.zeros(len(POSITIONS)))


def test_dense_gradient_is_that_of_the_plain_kl(student: Student) -> None:
    teachers = [dense(student, seed) for seed in range(2)]
    for number, teacher in enumerate(teachers):
        add_gradient(student, whole_vocabulary(number, teacher), IDS, 2 * len(POSITIONS), logit_chunk=2)
    ours = take_gradient(student)
    assert all(weight.grad is None for weight in student.model.parameters())
    logprobs = student.model(torch.from_numpy(IDS.astype(np.int64))[None]).logits[0, POSITIONS].log_softmax(-1)
    kls = [torch.nn.functional.kl_div(logprobs, torch.from_numpy(t.probs_TV).float(), reduction="sum") for t in teachers]
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
    monkeypatch.setattr("pipeline.fidelity.gradients._PART", 64)
    assert cosine([one], [other]) == pytest.approx(whole, abs=1e-12)
    assert whole == pytest.approx(float(torch.nn.functional.cosine_similarity(one, other, dim=0)), abs=1e-5)


def kept(teacher: DenseTeacher, top_k: int) -> PassageTargets:
    """The K most probable tokens of a dense teacher and its tail."""
    ids = np.argsort(-teacher.probs_TV, axis=1)[:, :top_k].astype(np.int32)
    probs = np.take_along_axis(teacher.probs_TV, ids, axis=1)
    tail = np.log(1 - probs.sum(1))
    return PassageTargets(0, "forget", teacher.positions, ids, np.log(probs).astype(np.float32), tail.astype(np.float32))


def test_logit_cosine_is_that_of_the_losses_own_gradients(student: Student) -> None:
    teacher = dense(student, 3)
    sparse = kept(teacher, 16)
    told = LogitCosine()
    told.add(student_probs(student, IDS, POSITIONS), teacher, sparse)
    with torch.no_grad():
        logits = student.model(torch.from_numpy(IDS.astype(np.int64))[None]).logits[0, POSITIONS]
    gradients = []
    for targets in (whole_vocabulary(0, teacher), sparse):
        leaf = logits.clone().requires_grad_()
        ids, logprobs, tail = (
            torch.tensor(values) for values in (targets.ids.astype(np.int64), targets.logprobs, targets.tail_logprob)
        )
        bucketed_kl(leaf, ids, logprobs, tail).sum().backward()
        gradients.append(leaf.grad.flatten())
    expected = float(torch.nn.functional.cosine_similarity(*gradients, dim=0))
    assert told.value == pytest.approx(expected, abs=1e-5)
    assert 0 < told.value < 1


def test_logit_cosine_is_one_where_nothing_is_cut(student: Student) -> None:
    told = LogitCosine()
    for seed in range(2):
        told.add(student_probs(student, IDS, POSITIONS), dense(student, seed), whole_vocabulary(0, dense(student, seed)))
    assert told.value == pytest.approx(1.0, abs=1e-6)
