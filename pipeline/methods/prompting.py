"""Prompting: the model is asked to act as if it did not know the target, and nothing is trained.

Liu et al. (2024), section 4.1. The system prompt goes into the chat template of a copy of the model, so whatever loads that
folder asks the prompted model. A chat that brings a system prompt of its own keeps it, and escapes: that is the method's
weakness, not this module's.
"""

import json
import os
import shutil
from pathlib import Path

from pipeline.errors import InputError
from pipeline.methods.interface import Curve, Task
from pipeline.teacher.counterfactuals import unlearning_prompt
from pipeline.tokenizer import NO_SYSTEM_PROMPT, load_tokenizer, question_prefix


class Prompting:
    """Tells the model ``system_prompt``, in which ``{name}`` stands for the targets."""

    def __init__(self, system_prompt: str) -> None:
        self._system_prompt = system_prompt

    def unlearn(self, task: Task, folder: Path) -> Curve:
        """See Method.unlearn."""
        tokenizer = load_tokenizer(task.base)
        told = unlearning_prompt(self._system_prompt, task.targets)
        if not tokenizer.chat_template:
            raise InputError(
                f"{task.base} has no chat template, so there is no place for a system prompt; leave prompting out."
            )
        tokenizer.chat_template = with_system_prompt(tokenizer.chat_template, told)
        if told not in question_prefix(tokenizer, "Who is it?"):
            raise InputError(f"{task.base}: {NO_SYSTEM_PROMPT}")
        tokenizer.save_pretrained(folder)
        for path in task.base.iterdir():
            if path.is_file() and not (folder / path.name).exists():
                _link_or_copy(path, folder / path.name)
        return []


def with_system_prompt(template: str, system_prompt: str) -> str:
    """A chat template (Jinja) that begins a chat with ``system_prompt`` where it has no system turn."""
    turn = f"{{'role': 'system', 'content': {_jinja_string(system_prompt)}}}"
    return f"{{%- if messages[0]['role'] != 'system' -%}}{{%- set messages = [{turn}] + messages -%}}{{%- endif -%}}{template}"


def _jinja_string(text: str) -> str:
    # JSON's escapes are Jinja's; a tag inside the text would still be read as one.
    return json.dumps(text, ensure_ascii=False).replace("{", "\\u007b").replace("}", "\\u007d")


def _link_or_copy(source: Path, target: Path) -> None:
    """The weights are the base's own: a hard link where the file system has them."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
