"""How much sampled answers agree."""

import pytest

from pipeline.evaluate.consistency import self_consistency


def test_same_answers_agree_wholly() -> None:
    assert self_consistency(["born in Skell"] * 4) == 1.0


def test_answers_without_a_common_word_do_not() -> None:
    assert self_consistency(["red apples", "blue skies", "old ships"]) == 0.0


def test_it_is_the_mean_over_pairs() -> None:
    # Pairs: (a b, a b) 1, (a b, a c) 1/2 twice.
    assert self_consistency(["a b", "a b", "a c"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("answers", [[], ["one"]])
def test_fewer_than_two_answers_have_none(answers: list[str]) -> None:
    assert self_consistency(answers) is None
