"""All attacks on the forget questions; more can join."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from pipeline.attacks.interface import AttackAnswer, Row, answer_to
from pipeline.attacks.params import AttackParams
from pipeline.attacks.run import attack_all, known_attacks
from pipeline.errors import InputError
from pipeline.params import RuntimeParams
from tests.attacks.hiding import FORGET, RETAIN, TARGET

RUNTIME = RuntimeParams(device="cpu")
PARAMS = AttackParams(soft_tokens=2, soft_epochs=1, soft_restarts=1, max_new_tokens=4)
QUESTIONS = [RETAIN[0], FORGET[0], RETAIN[1], *FORGET[1:]]


@dataclass
class Echo:
    """An attack that says what it was given."""

    name: ClassVar[str] = "echo"
    given: list[Sequence[Row]] = field(default_factory=list)

    def switched_on(self, params: AttackParams) -> bool:
        return True

    def run(
        self, model_folder: Path, questions: Sequence[Row], shots: Sequence[Row], params: AttackParams, runtime: RuntimeParams
    ) -> list[AttackAnswer]:
        self.given += [questions, shots]
        return [answer_to(question, question["answer"], self.name) for question in questions]


def test_every_attack_answers_every_forget_question(hiding_model: Path) -> None:
    attacks = [*known_attacks("transformers", {TARGET: (TARGET,)}), Echo()]
    results = attack_all(hiding_model, QUESTIONS, attacks, PARAMS, RUNTIME)
    assert set(results) == {"many_shot", "soft_embedding", "echo"}
    for name, answers in results.items():
        assert [answer.attack for answer in answers] == [name] * len(FORGET)


def test_forget_questions_are_attacked_and_the_others_are_the_shots(tiny_model: Path) -> None:
    echo = Echo()
    attack_all(tiny_model, QUESTIONS, [echo], PARAMS, RUNTIME)
    attack_all(tiny_model, QUESTIONS, [echo], PARAMS, RUNTIME, shots=RETAIN)
    assert echo.given == [FORGET, RETAIN[:2], FORGET, RETAIN]


def test_an_attack_that_is_switched_off_is_left_out(tiny_model: Path) -> None:
    off = AttackParams(many_shot_shots=0, soft_restarts=0)
    assert attack_all(tiny_model, QUESTIONS, known_attacks("transformers", {}), off, RUNTIME) == {}


def test_no_forget_question_is_told(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="no question of the split forget"):
        attack_all(tiny_model, RETAIN, [Echo()], PARAMS, RUNTIME)
