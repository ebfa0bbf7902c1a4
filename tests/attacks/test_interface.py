"""What an attack got, measured."""

import pytest

from pipeline.attacks.interface import AttackAnswer, answer_to, mean_recall


def answers(attack: str, *recalls: float) -> list[AttackAnswer]:
    return [AttackAnswer(attack, f"{attack} {number}", recall) for number, recall in enumerate(recalls)]


def test_leak_is_the_mean_over_the_questions() -> None:
    assert mean_recall(answers("one", 0.0, 0.5, 0.9)) == pytest.approx(1.4 / 3)


def test_an_answer_is_measured_by_the_recall_of_the_right_one() -> None:
    assert answer_to({"answer": "the harbour town"}, "It was a town by the harbour.", "x").rouge_l_recall == pytest.approx(
        2 / 3
    )
