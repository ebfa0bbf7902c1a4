"""The ways to forget, behind one function: each leaves a model folder that transformers and vLLM load, and a curve.

Distilling from a teacher's shards is the teacher-student method, Who's Harry Potter, and distilling a prompted model: they
differ in the teacher's section alone (presets default, whp and prompted).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.methods.likelihood import Likelihood, make_examples
from benchmarks.methods.params import MethodParams
from benchmarks.methods.prompting import write_prompted
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.distill.objective import Distillation
from pipeline.shards.reader import check_same_model
from pipeline.text.passages import Passage
from pipeline.text.tokenizer import load_tokenizer
from pipeline.train.loop import Curve, Objective, train
from pipeline.train.params import TrainParams
from pipeline.train.student import open_student


@dataclass(frozen=True)
class Task:
    """What is to be forgotten, from which model."""

    base: Path  # model folder
    targets: tuple[str, ...]
    passages: Sequence[Passage]  # forget and retain, as prepared
    shards: Path  # the teacher's folder, for methods that distil
    runtime: RuntimeParams
    seed: int


def unlearn(method: MethodParams, task: Task, folder: Path) -> Curve:
    """Write the model that has forgotten in the one way of ``method`` into the empty ``folder``; returns the curve.

    Raises InputError where the model, the shards or the passages do not allow it.
    """
    if method.prompting:
        write_prompted(task.base, method.prompting.system_prompt, task.targets, folder)
        return []
    params: TrainParams
    objective: Objective[Any]
    if method.distill:
        check_same_model(task.shards, task.base)
        params = distill = method.distill.changed(seed=task.seed)
        objective = Distillation(task.shards, distill)
    else:
        assert method.baseline
        params = method.baseline
        learnt = {passage.target for passage in task.passages if passage.kind == "forget"}
        if missing := [target for target in task.targets if target not in learnt]:
            raise InputError(
                f"no forget passage is about {missing[0]!r}, so there is nothing to train on; give documents or chats."
            )
        examples = make_examples(load_tokenizer(task.base), task.passages, method.baseline)
        objective = Likelihood(examples, method.baseline, task.seed)
    student = open_student(task.base, params.precision, task.runtime, f"{objective.section}.precision")
    curve = train(student, objective, params, task.runtime, task.seed)
    student.save(folder)
    return curve
