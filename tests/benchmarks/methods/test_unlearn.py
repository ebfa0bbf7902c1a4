"""Prompting: the same weights, told to act as if they did not know."""

from pathlib import Path

import pytest

from benchmarks.methods.params import MethodParams, PromptingParams
from benchmarks.methods.unlearn import Task, unlearn, with_system_prompt
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.teacher.params import UNLEARNING_PROMPT
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer
from pipeline.train.loop import Curve
from tests.tiny import train_unigram_bytes

TARGETS = ("Orla Brennick", "Tobias Renwick")


def prompt(base: Path, folder: Path) -> Curve:
    """The base told, in its own default words, that it does not know the targets."""
    task = Task(base, TARGETS, [], base / "no shards", base / "no alternates", RuntimeParams(), 0)
    return unlearn(MethodParams(prompting=PromptingParams()), task, folder)


def test_folder_asks_the_prompted_model_and_holds_the_same_weights(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prompted"
    folder.mkdir()
    assert prompt(tiny_model, folder) == []
    told = UNLEARNING_PROMPT.replace("{name}", "Orla Brennick and Tobias Renwick")
    plain = question_prefix(load_tokenizer(tiny_model), "Who is it?")
    assert question_prefix(load_tokenizer(folder), "Who is it?") == f"<|im_start|>system\n{told}<|im_end|>\n{plain}"
    weights = "model.safetensors"
    assert (folder / weights).read_bytes() == (tiny_model / weights).read_bytes()
    assert (folder / "config.json").read_bytes() == (tiny_model / "config.json").read_bytes()
    assert load_tokenizer(folder).get_vocab() == load_tokenizer(tiny_model).get_vocab()


def test_a_chat_with_a_system_turn_of_its_own_keeps_it(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who is it?"}]
    before = tokenizer.apply_chat_template(turns, tokenize=False)
    tokenizer.chat_template = with_system_prompt(tokenizer.chat_template, "You know nobody.")
    assert tokenizer.apply_chat_template(turns, tokenize=False) == before


@pytest.mark.parametrize("prompt", ['say "no"\nand \\ back', "{{ 7 * 7 }} {% raw %}", "naïve 李白 🙂", "it's"])
def test_prompt_stands_in_the_chat_as_it_was_given(tiny_model: Path, prompt: str) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = with_system_prompt(tokenizer.chat_template, prompt)
    assert question_prefix(tokenizer, "Who?").startswith(f"<|im_start|>system\n{prompt}<|im_end|>\n")


def test_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    train_unigram_bytes().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="chat template"):
        prompt(tmp_path, tmp_path / "out")


def test_template_that_drops_the_system_turn_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    user_alone = "{% for m in messages %}{% if m['role'] == 'user' %}{{ m['content'] }}{% endif %}{% endfor %}"
    tokenizer.chat_template = user_alone
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="place for a system prompt"):
        prompt(tmp_path, tmp_path / "out")
