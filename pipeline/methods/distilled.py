"""Distillation from a teacher's shards: the teacher-student method, Who's Harry Potter, and distilling a prompted model.

They differ in the teacher's section alone (presets default, whp and prompted).
"""

from dataclasses import replace
from pathlib import Path

from pipeline.distill.data import check_same_model
from pipeline.distill.loop import train
from pipeline.distill.student import open_student
from pipeline.methods.interface import Curve, Task
from pipeline.params import DistillParams


class Distilled:
    """Trains a student on ``task.shards``."""

    def __init__(self, params: DistillParams) -> None:
        self._params = params

    def unlearn(self, task: Task, folder: Path) -> Curve:
        """See Method.unlearn."""
        check_same_model(task.shards, task.base)
        student = open_student(task.base, self._params.precision, task.runtime, "distill.precision")
        curve = train(student, task.shards, replace(self._params, seed=task.seed), task.runtime)
        student.save(folder)
        return curve
