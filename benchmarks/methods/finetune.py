"""Learning question-answer pairs by heart, so that there is something to forget: the cross entropy of answers, ended.

The loss of a step is the mean over all its learnt tokens, in nats; a question's own tokens are read and not learnt.
"""

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from benchmarks.methods.example import Example, ended_answer
from pipeline.core.batching import batches
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.text.tokenizer import load_tokenizer
from pipeline.train.loop import Curve, train
from pipeline.train.params import TrainParams
from pipeline.train.student import Student, next_logprobs, open_student


class FinetuneParams(TrainParams):
    """Section ``finetune``. The seed is an argument of the training, since two models of one seed are compared."""

    learning_rate: float = Field(5e-4, gt=0, le=1)
    epochs: int = Field(4, ge=1)
    passages_per_step: int = Field(4, ge=1)  # questions with their answers


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
        import torch

        total = sum(example.learnt for example in step)
        loss = 0.0
        for batch in batches([len(example.input_ids) for example in step], runtime.micro_batch_tokens):
            part = [step[index] for index in batch]
            next_T = torch.tensor([token for one in part for token in one.input_ids[one.start :]], device=student.device)
            weight_T = torch.full((len(next_T),), -1 / total, device=student.device)
            sequences, positions = [one.input_ids for one in part], [one.positions for one in part]
            logprob_T = student.backward(sequences, positions, next_logprobs(next_T), weight_T, runtime.logit_chunk)
            loss -= float(logprob_T.sum())
        return {"loss": loss / total}
