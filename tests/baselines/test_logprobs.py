"""Log-probabilities of sequences against the whole model, one sequence at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.baselines.examples import Example
from pipeline.baselines.logprobs import reference_logprobs, sequence_logprobs
from pipeline.distill.student import Student
from pipeline.params import RuntimeParams

VOCABULARY = 380


def make(*shapes: tuple[int, int, str]) -> list[Example]:
    rng = np.random.default_rng(0)
    return [Example(tuple(rng.integers(3, VOCABULARY, n).tolist()), prefix, kind) for n, prefix, kind in shapes]  # type: ignore[arg-type]


EXAMPLES = make((17, 4, "forget"), (9, 0, "retain"), (23, 22, "forget"), (12, 1, "retain"))


@pytest.fixture(scope="module")
def student(tiny_model: Path) -> Student:
    return Student(tiny_model, "cpu")


def dense(student: Student, example: Example) -> torch.Tensor:
    logits = student.model(torch.tensor([example.input_ids])).logits[0].double()
    logprobs = logits.log_softmax(-1)
    return sum(
        (logprobs[place - 1, token] for place, token in enumerate(example.input_ids) if place >= max(example.prefix_length, 1)),
        torch.zeros((), dtype=torch.float64),
    )


def gradients(student: Student, logprob_B: torch.Tensor) -> list[torch.Tensor]:
    """Of a sum that weighs each sequence differently."""
    student.model.zero_grad(set_to_none=True)
    (logprob_B * torch.tensor([1.0, -2.0, 0.5, 3.0])).sum().backward()
    found = [weight.grad for weight in student.model.parameters() if weight.grad is not None]
    student.model.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize("logit_chunk", [1, 7, 10_000])
def test_sums_and_gradients_are_those_of_the_whole_model(student: Student, logit_chunk: int) -> None:
    ours = sequence_logprobs(student, EXAMPLES, logit_chunk)
    whole = torch.stack([dense(student, example) for example in EXAMPLES])
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), whole, rtol=1e-5, atol=1e-4)
    for one, other in zip(gradients(student, ours), gradients(student, whole), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_only_learnt_tokens_count(student: Student) -> None:
    (example, *_) = EXAMPLES
    ids = list(example.input_ids)
    whole = sequence_logprobs(student, [Example(tuple(ids), 0, "forget")], 64)
    parts = [sequence_logprobs(student, [Example(tuple(ids[:end]), start, "forget")], 64) for start, end in ((0, 4), (4, 17))]
    torch.testing.assert_close(whole, parts[0] + parts[1])
    assert example.prefix_length == 4
    torch.testing.assert_close(sequence_logprobs(student, [example], 64), parts[1])


def test_reference_is_the_students_own_and_left_out_for_retain(student: Student) -> None:
    runtime = RuntimeParams(micro_batch_tokens=20, logit_chunk=5)
    reference = reference_logprobs(student, EXAMPLES, runtime)
    assert not reference.requires_grad
    assert student.model.training
    own = sequence_logprobs(student, EXAMPLES, 64)
    torch.testing.assert_close(reference[[0, 2]], own[[0, 2]].detach(), rtol=1e-5, atol=1e-4)
    assert reference[[1, 3]].tolist() == [0, 0]
