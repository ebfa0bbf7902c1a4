"""The ways to forget, behind one function: each leaves a model folder that transformers and vLLM load, and a curve.

Distilling from a teacher's shards is the teacher-student method, Who's Harry Potter, and distilling a prompted model: they
differ in the teacher's section alone (presets default, whp and prompted).

Prompting trains nothing: the model is asked to act as if it did not know the target (Liu et al., 2024, section 4.1). The system
prompt goes into the chat template of a copy of the model, so whatever loads that folder asks the prompted model. A chat that
brings a system prompt of its own keeps it, and escapes: that is the method's weakness, not this module's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.methods.params import BaselineParams, MethodParams
from pipeline.core.errors import InputError
from pipeline.core.files import link_files
from pipeline.core.runtime import RuntimeParams
from pipeline.distill.objective import Distillation
from pipeline.shards.reader import open_shards
from pipeline.teacher.counterfactuals import unlearning_prompt
from pipeline.text.chat import NO_SYSTEM_PROMPT, question_prefix
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
    alternates: Path  # the folder of what a method prefers to the texts, for one that does
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
        open_shards(task.shards, task.base)
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
        objective = _on_texts(method.baseline, task, with_alternates=method.alternates is not None)
    student = open_student(task.base, params.precision, task.runtime, f"{objective.section}.precision")
    curve = train(student, objective, params, task.runtime, task.seed)
    student.save(folder)
    return curve


def _on_texts(params: BaselineParams, task: Task, *, with_alternates: bool) -> Objective[Any]:
    """The objective of ``params`` on the passages of ``task``. Loads torch, so errors that need none come before."""
    from benchmarks.methods.alternates import read_alternates
    from benchmarks.methods.likelihood import Likelihood
    from benchmarks.methods.rmu import Misdirection
    from benchmarks.methods.texts import make_examples

    tokenizer, alternates = load_tokenizer(task.base), None
    if with_alternates:
        alternates = read_alternates(task.alternates, tokenizer, task.passages, params)
    examples = make_examples(tokenizer, task.passages, params, alternates)
    return (Likelihood if params.is_equation else Misdirection)(examples, params, task.seed)


def write_prompted(base: Path, system_prompt: str, targets: Sequence[str], folder: Path) -> None:
    """The model in ``base`` with ``system_prompt``, in which ``{name}`` stands for ``targets``, into the empty ``folder``.

    Raises InputError for a model without a chat template, or with one that takes no system prompt.
    """
    tokenizer = load_tokenizer(base)
    instruction = unlearning_prompt(system_prompt, targets)
    if not tokenizer.chat_template:
        raise InputError(f"{base} has no chat template, so there is no place for a system prompt; leave prompting out.")
    tokenizer.chat_template = with_system_prompt(tokenizer.chat_template, instruction)
    if instruction not in question_prefix(tokenizer, "Who is it?"):
        raise InputError(f"{base}: {NO_SYSTEM_PROMPT}")
    tokenizer.save_pretrained(folder)
    link_files(base, folder)  # the weights are the base's own


def with_system_prompt(template: str, system_prompt: str) -> str:
    """A chat template (Jinja) that begins a chat with ``system_prompt`` where it has no system turn."""
    # JSON's escapes are Jinja's; a tag inside the text would still be read as one.
    text = json.dumps(system_prompt, ensure_ascii=False).replace("{", "\\u007b").replace("}", "\\u007d")
    turn = f"{{'role': 'system', 'content': {text}}}"
    return f"{{%- if messages[0]['role'] != 'system' -%}}{{%- set messages = [{turn}] + messages -%}}{{%- endif -%}}{template}"
