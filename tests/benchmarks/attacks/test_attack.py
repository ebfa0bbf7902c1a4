"""What an attack got, measured; all attacks on the forget questions; more can join; the section's rules."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.attacks.attack import Attack, AttackParams, Row, attack_all, mean_recall
from benchmarks.attacks.many_shot import many_shot
from benchmarks.attacks.soft_embedding import soft_embedding
from pipeline.core.errors import InputError
from pipeline.core.params import parse_section
from pipeline.core.runtime import RuntimeParams
from pipeline.evaluate.text_measures import rouge_l_recall
from tests.benchmarks.attacks.hiding import FORGET, RETAIN, TARGET

RUNTIME = RuntimeParams(device="cpu")
PARAMS = AttackParams(soft_tokens=2, soft_epochs=1, soft_restarts=1, max_new_tokens=4)
QUESTIONS = [RETAIN[0], FORGET[0], RETAIN[1], *FORGET[1:]]
BOTH: dict[str, Attack] = {
    "soft_embedding": soft_embedding,
    "many_shot": partial(many_shot, engine="transformers", forms=(TARGET,)),
}


def echo(
    model_folder: Path, questions: Sequence[Row], shots: Sequence[Row], params: AttackParams, runtime: RuntimeParams
) -> list[str]:
    """An attack that says what it was given: the right answer and the shots."""
    return [" ".join([question["answer"], *(shot["answer"] for shot in shots)]) for question in questions]


def test_leak_is_the_mean_recall_of_the_right_answers() -> None:
    questions = [{"answer": "the harbour town"}, {"answer": "rain"}]
    assert mean_recall(questions, ["It was a town by the harbour.", "snow"]) == pytest.approx(1 / 3)


def test_every_attack_answers_every_forget_question(hiding_model: Path) -> None:
    columns = attack_all(hiding_model, QUESTIONS, {**BOTH, "echo": echo}, PARAMS, RUNTIME)
    names = ("soft_embedding", "many_shot", "echo")
    keys = [f"{name}_{column}" for name in names for column in ("response", "rouge_l_recall")]
    assert len(columns) == len(QUESTIONS)
    for question, row in zip(QUESTIONS, columns, strict=True):
        assert list(row) == keys
        for name in names:
            response, recall = row[f"{name}_response"], row[f"{name}_rouge_l_recall"]
            is_attacked = question["split"] == "forget"
            assert (response is not None) == is_attacked
            assert recall == (rouge_l_recall(question["answer"], response) if is_attacked else None)


def test_forget_questions_are_attacked_and_the_others_are_the_shots(tiny_model: Path) -> None:
    columns = attack_all(tiny_model, QUESTIONS, {"echo": echo}, PARAMS, RUNTIME)
    responses = [row["echo_response"] for row in columns if row["echo_response"] is not None]
    assert responses == [f"{one['answer']} {RETAIN[0]['answer']} {RETAIN[1]['answer']}" for one in FORGET]
    assert {row["echo_rouge_l_recall"] for row in columns} == {1.0, None}


def test_an_attack_that_is_switched_off_is_left_out(tiny_model: Path) -> None:
    off = AttackParams(many_shot_shots=0, soft_restarts=0)
    assert attack_all(tiny_model, QUESTIONS, BOTH, off, RUNTIME) == [{}] * len(QUESTIONS)


def test_no_forget_question_is_told(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="no question of the split forget"):
        attack_all(tiny_model, RETAIN, {"echo": echo}, PARAMS, RUNTIME)


def test_defaults_are_the_published_settings() -> None:
    params = parse_section(AttackParams, None, "attacks")
    assert (params.many_shot_shots, params.many_shot_max_tokens) == (100, 0)
    assert (params.soft_tokens, params.soft_learning_rate, params.soft_epochs, params.soft_restarts) == (20, 0.01, 20, 5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"soft_held_out_folds": 1}, "attacks.soft_held_out_folds is 1"),
        ({"soft_towards": "openings", "soft_openings": []}, "attacks.soft_openings is empty"),
        ({"soft_towards": "anything"}, "attacks.soft_towards is 'anything'"),
        ({"soft_tokens": 0}, "attacks.soft_tokens is 0"),
        ({"many_shot_shots": -1}, "attacks.many_shot_shots is -1"),
        ({"soft_steps": 3}, "attacks.soft_steps is unknown"),
    ],
)
def test_what_can_not_be_is_told(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_section(AttackParams, values, "attacks")
