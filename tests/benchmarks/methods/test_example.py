"""A question and its answer as token ids, ended."""

from pathlib import Path

import pytest

from benchmarks.methods.example import ended_answer
from pipeline.core.errors import InputError
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer


def test_the_answer_follows_the_asked_question_and_ends(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokens = ended_answer(tokenizer, "Who kept the lighthouse?", "Her father, in Skell.")
    assert tokenizer.decode(tokens.input_ids[: tokens.start]) == question_prefix(tokenizer, "Who kept the lighthouse?")
    assert tokenizer.decode(tokens.input_ids[tokens.start :]) == "Her father, in Skell.<|im_end|>"
    assert tokens.learnt == len(tokens.input_ids) - tokens.start


def test_an_empty_answer_is_an_error_that_names_the_question(tiny_model: Path) -> None:
    with pytest.raises(InputError, match=r"'Who\?' has an empty answer"):
        ended_answer(load_tokenizer(tiny_model), "Who?", " ")


def test_a_tokenizer_that_ends_nothing_is_an_error(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="no end-of-sequence token"):
        ended_answer(tokenizer, "Who?", "She.")
