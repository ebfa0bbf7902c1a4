"""Model utility: the reference values by both definitions, and its parts by hand."""

from dataclasses import replace
from math import inf, log, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tofu.truth_ratio import Combination
from pipeline.tofu.utility import (
    SPLITS,
    SplitScores,
    answer_probabilities,
    harmonic_mean,
    model_utility,
    shares_among_answers,
    split_means,
)
from tests.tofu.reference import FILES, read_log, split_scores

# Two questions: right answers 1/2 and 1/4, their paraphrases as probable; wrong answers 1/4 and 1/4, 1/4 and 1/16.
SCORES = SplitScores(
    rouge_l_recall=[1.0, 0.5],
    answer_losses=[log(2), log(4)],
    paraphrased_losses=[log(2), log(4)],
    perturbed_losses=[[log(4), log(4)], [log(4), log(16)]],
)


@pytest.mark.parametrize(
    ("split", "combination", "value"),
    [
        ("forget01", "geometric", 0.6143290655905184),
        ("forget05", "geometric", 0.6112105296199982),
        ("forget01", "arithmetic", 0.5745782094451859),
        ("forget05", "arithmetic", 0.575260974988057),
    ],
)
def test_reference_values(split: str, combination: Combination, value: float) -> None:
    logs = read_log(f"retain_{split}_eval_log_aggregated.json")
    utility = model_utility({name: split_scores(logs[file]) for name, file in FILES.items()}, combination)
    assert utility.value == pytest.approx(value, rel=1e-9)
    assert utility.combination == combination
    assert {name: len(means) for name, means in utility.means.items()} == dict.fromkeys(SPLITS, 3)


def test_means_of_a_split_by_hand() -> None:
    """Ratios 1/2 and 1/2 (geometric 1/8 over 1/4), or 1/2 and 5/8 (arithmetic 5/32 over 1/4)."""
    means = split_means(SCORES, "geometric", among_answers=False)
    assert means == pytest.approx({"rouge_l_recall": 0.75, "probability": 3 / 8, "truth_ratio": 1 / 2})
    means = split_means(SCORES, "arithmetic", among_answers=True)
    share = (1 / 2 + 4 / 9) / 2
    assert means == pytest.approx({"rouge_l_recall": 0.75, "probability": share, "truth_ratio": (1 / 2 + 3 / 8) / 2})


def test_model_utility_by_hand() -> None:
    """The probability is a share among the answers for real authors and world facts, and not for the retain split."""
    utility = model_utility(dict.fromkeys(SPLITS, SCORES), "geometric")
    share = (1 / 2 + 4 / 9) / 2
    assert [utility.means[split]["probability"] for split in SPLITS] == pytest.approx([3 / 8, share, share])
    assert utility.value == pytest.approx(9 / (3 / 0.75 + 8 / 3 + 2 / share + 3 / 0.5))


def test_one_answer_only_has_the_whole_share() -> None:
    assert shares_among_answers([3.0], [[]]).tolist() == [1.0]


def test_answers_of_no_probability() -> None:
    assert answer_probabilities([inf, 0.0]).tolist() == [0.0, 1.0]
    assert shares_among_answers([inf, 1.0], [[1.0], [inf, inf]]).tolist() == [0.0, 1.0]


def test_a_share_among_answers_too_improbable_for_a_float() -> None:
    assert shares_among_answers([2000.0], [[2000.0, 2000.0, 2000.0]])[0] == pytest.approx(1 / 4)


@pytest.mark.parametrize(("right", "wrong"), [(inf, [inf]), (inf, []), (nan, [1.0]), (1.0, [nan])])
def test_no_share_is_an_error_that_names_the_row(right: float, wrong: list[float]) -> None:
    with pytest.raises(ValueError, match="row 1: no share"):
        shares_among_answers([1.0, right], [[1.0], wrong])


def test_harmonic_mean_by_hand() -> None:
    assert harmonic_mean([1, 1 / 2, 1 / 4]) == pytest.approx(3 / 7)
    assert harmonic_mean([0.3]) == pytest.approx(0.3)
    assert harmonic_mean([0.9, 0.0]) == 0


@pytest.mark.parametrize("values", [[], [0.5, -0.1], [0.5, nan]])
def test_harmonic_mean_of_other_than_numbers_from_zero_is_an_error(values: list[float]) -> None:
    with pytest.raises(ValueError, match="harmonic mean"):
        harmonic_mean(values)


@given(st.lists(st.floats(1e-3, 1), min_size=1, max_size=9))
def test_harmonic_mean_lies_between_the_least_and_the_arithmetic_mean(values: list[float]) -> None:
    assert min(values) * (1 - 1e-12) <= harmonic_mean(values) <= np.mean(values) * (1 + 1e-12)


def test_a_missing_split_is_an_error_that_names_the_three() -> None:
    with pytest.raises(ValueError, match=r"retain, real_authors, world_facts; got retain$"):
        model_utility({"retain": SCORES}, "geometric")


def test_a_split_needs_questions_and_columns_of_one_length() -> None:
    for scores in (SplitScores([], [], [], []), replace(SCORES, rouge_l_recall=[1.0])):
        with pytest.raises(ValueError, match="their lengths are"):
            split_means(scores, "geometric", among_answers=False)
