"""Prompting: the model is asked to act as if it did not know the target, and nothing is trained.

Liu et al. (2024), section 4.1. The system prompt goes into the chat template of a copy of the model, so whatever loads that
folder asks the prompted model. A chat that brings a system prompt of its own keeps it, and escapes: that is the method's
weakness, not this module's.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import InputError
from pipeline.core.files import link_files
from pipeline.teacher.counterfactuals import unlearning_prompt
from pipeline.text.chat import NO_SYSTEM_PROMPT, question_prefix
from pipeline.text.tokenizer import load_tokenizer


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
