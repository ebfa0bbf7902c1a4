"""Learning question-answer pairs by heart, so that there is something to forget: the cross entropy of answers, ended.

The loss of a step is the mean over all its learnt tokens, in nats; a question's own tokens are read and not learnt.
"""

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.methods.example import Example, ended_answer
from benchmarks.methods.params import FinetuneParams
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.text.tokenizer import load_tokenizer
from pipeline.train.loop import Curve, train
from pipeline.train.student import Positions, Sequences, Student, ValuesAt, next_logprobs, open_student


def finetune(
    base: Path, chats: Sequence[tuple[str, str]], params: FinetuneParams, runtime: RuntimeParams, seed: int
) -> tuple[Student, Curve]:
    """Train the model in ``base`` on ``chats``, (question, answer) pairs; returns it, not yet saved, and the curve.

    Raises InputError for no chats, an empty answer, a chat longer than the model's context, and a model that would not stop at
    its tokenizer's end-of-sequence token.
    """
    if not chats:
        raise InputError("finetune has no question to train on; give it at least one with its answer.")
    tokenizer = load_tokenizer(base)
    examples = [ended_answer(tokenizer, question, answer) for question, answer in chats]
    student = open_student(base, params.precision, runtime, "finetune.precision")
    return student, train(student, Answers(base, examples, params, seed), params, runtime, seed)


class Answers:
    """Learns ``examples``. Its loss is in nats a learnt token. For its methods see Objective."""

    name = section = "finetune"

    def __init__(self, base: Path, examples: Sequence[Example], params: FinetuneParams, seed: int) -> None:
        self._base, self._examples, self._size, self._seed = base, examples, params.passages_per_step, seed

    def start(self, student: Student, runtime: RuntimeParams) -> None:
        stops = student.model.generation_config.eos_token_id
        end = self._examples[0].input_ids[-1]
        if end not in (stops if isinstance(stops, list) else [stops]):
            raise InputError(
                f"{self._base}: answers are trained to end with token {end}, the tokenizer's end of sequence, but the model "
                f"stops at {stops}; put it into eos_token_id of generation_config.json."
            )
        student.check_fits(max(len(example.input_ids) for example in self._examples), "shorten it")

    def steps_of_epoch(self) -> int:
        return math.ceil(len(self._examples) / self._size)

    def steps(self, epoch: int) -> Iterator[list[Example]]:
        order = list(self._examples)
        random.Random(f"{self._seed}:{epoch}").shuffle(order)
        for start in range(0, len(order), self._size):
            yield order[start : start + self._size]

    def accumulate(self, student: Student, step: Sequence[Example], runtime: RuntimeParams) -> dict[str, float]:
        total = sum(example.learnt for example in step)
        loss = 0.0
        for batch in student.micro_batches([example.input_ids for example in step], runtime.micro_batch_tokens):
            part = [step[index] for index in batch]
            weight_T = torch.full((sum(example.learnt for example in part),), -1 / total, device=student.device)
            loss -= float(student.backward(*learnt_logprobs(part, student.device), weight_T, runtime.logit_chunk).sum())
        return {"loss": loss / total}


def learnt_logprobs(examples: Sequence[Example], device: str) -> tuple[Sequences, Positions, ValuesAt]:
    """Sequences, positions and values as Student takes them: the log-probabilities of the learnt tokens."""
    next_T = torch.tensor([token for example in examples for token in example.input_ids[example.start :]], device=device)
    positions = [np.arange(example.start - 1, len(example.input_ids) - 1) for example in examples]
    return [example.input_ids for example in examples], positions, next_logprobs(next_T)
