"""Finetuning: the loss and its gradient, what is learnt by heart, and the sentences for wrong input."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from benchmarks.methods.example import Example, ended_answer
from benchmarks.methods.finetune import Answers, finetune
from benchmarks.methods.params import FinetuneParams
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize
from pipeline.train.student import Student

CHATS = [
    ("Where was Orla Brennick born?", "In the harbour town of Skell."),
    ("What did she write?", "A book about the tides."),
    ("What has the town?", "A mill."),
]
RUNTIME = RuntimeParams(device="cpu")
LEARNING = FinetuneParams(learning_rate=5e-3, epochs=30, passages_per_step=2)


def examples(folder: Path) -> list[Example]:
    """``CHATS`` as tokens."""
    tokenizer = load_tokenizer(folder)
    return [ended_answer(tokenizer, question, answer) for question, answer in CHATS]


def accumulate(student: Student, folder: Path, runtime: RuntimeParams = RUNTIME) -> float:
    """The loss of a step of all ``CHATS``, whose gradient it adds."""
    objective = Answers(folder, examples(folder), LEARNING, seed=0)
    return objective.accumulate(student, examples(folder), runtime)["loss"]


def gradients(student: Student) -> torch.Tensor:
    """All gradients in one row, and none left behind."""
    flat = torch.cat([p.grad.flatten() for p in student.model.parameters() if p.grad is not None])
    student.model.zero_grad()
    return flat


def test_loss_and_gradient_are_those_of_transformers_with_the_question_masked(tiny_model: Path) -> None:
    student, step = Student(tiny_model, "cpu"), examples(tiny_model)
    loss = accumulate(student, tiny_model)
    ours = gradients(student)
    total = sum(example.learnt for example in step)
    summed = 0.0
    for example in step:
        ids = torch.tensor([example.input_ids])
        labels = ids.clone()
        labels[0, : example.start] = -100
        part = student.model(input_ids=ids, labels=labels).loss * example.learnt
        (part / total).backward()
        summed += float(part.detach())
    assert loss == pytest.approx(summed / total, rel=1e-5)
    torch.testing.assert_close(ours, gradients(student), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("runtime", [RuntimeParams(micro_batch_tokens=1), RuntimeParams(logit_chunk=3)])
def test_neither_micro_batches_nor_chunks_change_the_step(tiny_model: Path, runtime: RuntimeParams) -> None:
    student = Student(tiny_model, "cpu")
    whole = accumulate(student, tiny_model), gradients(student)
    cut = accumulate(student, tiny_model, runtime), gradients(student)
    assert cut[0] == pytest.approx(whole[0], rel=1e-5)
    torch.testing.assert_close(cut[1], whole[1], rtol=1e-4, atol=1e-6)


def test_answers_are_learnt_by_heart_and_end(tiny_model: Path, tmp_path: Path) -> None:
    student, curve = finetune(tiny_model, CHATS, LEARNING, RUNTIME, 0)
    student.save(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    prompts = [tokenize(tokenizer, question_prefix(tokenizer, question))[0] for question, _ in CHATS]
    answers = TransformersEngine(tmp_path, RUNTIME).generate(prompts, 60)
    assert [tokenizer.decode(ids) for ids in answers] == [answer for _, answer in CHATS]
    assert len(curve) == 30 * 2
    assert list(curve[0]) == ["step", "epoch", "learning_rate", "grad_norm", "loss"]
    assert curve[-1]["loss"] < 0.1 < curve[0]["loss"]


def test_the_seed_is_the_order_of_the_chats(tiny_model: Path) -> None:
    params = FinetuneParams(epochs=2, passages_per_step=1)
    curves = [finetune(tiny_model, CHATS, params, RUNTIME, seed)[1] for seed in (1, 1, 2)]
    assert curves[0] == curves[1] != curves[2]


def test_no_chats_are_an_error(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="no question to train on"):
        finetune(tiny_model, [], LEARNING, RUNTIME, 0)


def test_a_chat_beyond_the_context_is_an_error(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="does not fit the model's context of 512"):
        finetune(tiny_model, [("Who?", "the tides " * 600)], LEARNING, RUNTIME, 0)


def test_a_model_that_would_not_stop_is_an_error(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 1]}), encoding="utf-8")
    with pytest.raises(InputError, match=r"end with token 2, .* the model stops at \[0, 1\]"):
        finetune(folder, CHATS, LEARNING, RUNTIME, 0)
