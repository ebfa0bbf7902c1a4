"""The loop, beside what its parts are tested for: how it counts steps."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core.runtime import RuntimeParams
from pipeline.train.checkpoints import Checkpoints
from pipeline.train.loop import train
from pipeline.train.params import TrainParams
from pipeline.train.student import Student, next_logprobs

RUNTIME = RuntimeParams(device="cpu")
IDS = np.arange(3, 15)


class Shorter:
    """Learns one text, in epochs that turn out a step shorter than was thought, as where a passage has nothing to learn."""

    name = section = "shorter"

    def __init__(self, stops_at: int) -> None:
        self._left = stops_at

    def start(self, student: Student, runtime: RuntimeParams) -> None:
        pass

    def steps_of_epoch(self) -> int:
        return 3

    def steps(self, epoch: int) -> Iterator[list[int]]:
        yield from ([epoch], [epoch])

    def accumulate(self, student: Student, step: list[int], runtime: RuntimeParams) -> dict[str, float]:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        positions, weight_T = [np.arange(len(IDS) - 1)], torch.full((len(IDS) - 1,), -1.0 - step[0])
        values_T = student.backward([IDS], positions, next_logprobs(torch.tensor(IDS[1:])), weight_T, 512)
        return {"loss": -float(values_T.mean())}


def trained(tiny_model: Path, *runs: int) -> tuple[list[int], torch.Tensor]:
    """The epochs of all steps, and the weights, of a training that was stopped after so many steps a run and went on."""
    checkpoints = Checkpoints({"runs": runs}, 1)
    for stops_at in runs:
        student = Student(tiny_model, "cpu")
        with suppress(KeyboardInterrupt):
            curve = train(student, Shorter(stops_at), TrainParams(epochs=3), RUNTIME, 0, checkpoints)
    return [int(row["epoch"]) for row in curve], torch.cat([weight.detach().flatten() for weight in student.model.parameters()])


def test_a_resumed_training_makes_every_step_once(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    epochs, whole = trained(tiny_model, 99)
    assert epochs == [0, 0, 1, 1, 2, 2]
    resumed, same = trained(tiny_model, 3, 2, 99)
    assert resumed == epochs
    assert torch.equal(whole, same)
