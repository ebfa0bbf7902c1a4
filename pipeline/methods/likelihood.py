"""Methods trained on the forget text itself: gradient ascent, gradient difference, NPO and SimNPO."""

from pathlib import Path

from pipeline.baselines.examples import make_examples
from pipeline.baselines.loop import train
from pipeline.baselines.params import BaselineParams
from pipeline.distill.student import open_student
from pipeline.errors import InputError
from pipeline.methods.interface import Curve, Task
from pipeline.tokenizer import load_tokenizer


class Likelihood:
    """Trains on ``task.passages`` by the objective that its parameters name."""

    def __init__(self, params: BaselineParams) -> None:
        self._params = params

    def unlearn(self, task: Task, folder: Path) -> Curve:
        """See Method.unlearn."""
        taught = {passage.target for passage in task.passages if passage.kind == "forget"}
        for target in task.targets:
            if target not in taught:
                raise InputError(
                    f"no forget passage is about {target!r}, so there is nothing to train on; give documents or chats."
                )
        examples = make_examples(load_tokenizer(task.base), task.passages, self._params)
        student = open_student(task.base, self._params.precision, task.runtime, "baseline.precision")
        curve = train(student, examples, self._params, task.runtime, task.seed)
        student.save(folder)
        return curve
