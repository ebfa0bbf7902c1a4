"""What kind of thing a neighbour is, by the model's own choice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.elicit.kinds import CHOICES, kinds_of
from pipeline.text.chat import answer_tokens
from pipeline.text.tokenizer import load_tokenizer


class Believing:
    """An engine that finds each of some answers more probable than another, by nats in all; the rest are equal."""

    def __init__(self, tokenizer: Any, more: dict[tuple[str, str], float]) -> None:
        question, answers = CHOICES["en"]
        self._more = {
            tuple(answer_tokens(tokenizer, *(text.replace("{name}", name) for text in (question, answers[kind])))[0]): nats
            for (name, kind), nats in more.items()
        }

    def next_logprobs(self, sequences: list[list[int]], starts: list[int]) -> Any:
        return [np.array([self._more.get(tuple(ids), 0.0)]) for ids in sequences]


def test_model_chooses_and_what_it_says_of_nothing_is_taken_off(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    names = ["Skell", "Ada Lind", "Tides"]
    always = {(name, "other"): 5.0 for name in [*names, "Xanthol"]}  # whatever the name
    engine: Any = Believing(
        tokenizer, {**always, ("Skell", "place"): 1.0, ("Ada Lind", "person"): 2.0, ("Tides", "other"): 7.0}
    )
    kinds = kinds_of(engine, tokenizer, [(name, "en") for name in names])
    assert kinds == {("Skell", "en"): "place", ("Ada Lind", "en"): "person", ("Tides", "en"): "other"}


def test_language_without_a_question_has_no_kinds(tiny_model: Path) -> None:
    engine: Any = None  # not asked
    assert kinds_of(engine, load_tokenizer(tiny_model), [("Skell", "sv")]) == {("Skell", "sv"): "other"}
    assert kinds_of(engine, load_tokenizer(tiny_model), []) == {}


@pytest.mark.parametrize("language", list(CHOICES))
def test_choices_name_whom_they_are_about(language: str) -> None:
    question, answers = CHOICES[language]
    assert all(text.count("{name}") == 1 for text in (question, *answers.values()))
    assert list(answers) == ["person", "place", "other"]
