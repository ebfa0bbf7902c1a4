"""The most leaking answer and the most leaking attack."""

import pytest

from pipeline.attacks.interface import AttackAnswer, answer_to, mean_recall, worst, worst_attack


def answers(attack: str, *recalls: float) -> list[AttackAnswer]:
    return [AttackAnswer(attack, f"{attack} {number}", recall) for number, recall in enumerate(recalls)]


RESULTS = {"one": answers("one", 0.0, 0.5, 0.9), "other": answers("other", 0.2, 0.5, 0.1)}


def test_worst_is_the_most_leaking_answer_of_each_question_and_the_first_of_equals() -> None:
    assert [answer.response for answer in worst(RESULTS)] == ["other 0", "one 1", "one 2"]


def test_worst_attack_leaks_most_on_the_mean() -> None:
    assert worst_attack(RESULTS) == "one"
    assert worst_attack({"one": answers("one", 0.9, 0.0), "other": answers("other", 0.5, 0.5)}) == "other"


def test_worst_is_never_below_the_worst_attack() -> None:
    assert mean_recall(worst(RESULTS)) == pytest.approx((0.2 + 0.5 + 0.9) / 3)
    assert mean_recall(worst(RESULTS)) >= mean_recall(RESULTS[worst_attack(RESULTS)])


def test_attacks_on_different_questions_are_no_match() -> None:
    with pytest.raises(ValueError, match="zip"):
        worst({"one": answers("one", 0.1), "other": answers("other", 0.1, 0.2)})


def test_an_answer_is_measured_by_the_recall_of_the_right_one() -> None:
    assert answer_to({"answer": "the harbour town"}, "It was a town by the harbour.", "x").rouge_l_recall == pytest.approx(
        2 / 3
    )
