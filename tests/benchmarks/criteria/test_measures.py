"""Means by criterion, and the bars that are divided by the best method's."""

from itertools import combinations

import pytest

from benchmarks.criteria.measures import BESIDE_BASE, MEASURES, Measure, bars, counts_of, floors_of, leaks_of, values_of

ROWS = [
    {"split": "forget", "rouge_l_recall": 0.25, "probability": 0.5, "many_shot_rouge_l_recall": 0.5, "unavailable": True},
    {"split": "forget", "rouge_l_recall": 0.75, "probability": None, "many_shot_rouge_l_recall": 0.0, "unavailable": False},
    {"split": "hard_retain", "rouge_l_recall": 1.0, "probability": 0.9, "many_shot_rouge_l_recall": None},
]


def test_mean_is_over_the_questions_of_the_split_that_have_the_value() -> None:
    values = values_of(ROWS)
    assert values["efficacy.rouge_l_recall"] == 0.5
    assert values["efficacy.probability"] == 0.5
    assert values["utility.hard_rouge_l_recall"] == 1.0
    assert values["hallucination.unavailable"] == 0.5
    assert "utility.general_probability" not in values


def test_every_mean_tells_over_how_many_questions_it_is() -> None:
    counts = counts_of(ROWS)
    assert counts["efficacy.rouge_l_recall"] == counts["robustness.many_shot"] == 2
    assert counts["efficacy.probability"] == counts["utility.hard_probability"] == 1
    assert set(counts) == set(values_of(ROWS)) - {"robustness.worst"}


def test_probes_are_told_apart_by_level_and_type() -> None:
    rows = [
        {"split": "forget", "level": 1, "type": "cloze", "rouge_l_recall": 0.0},
        {"split": "forget", "level": 3, "type": "role play", "rouge_l_recall": 1.0},
        {"split": "forget", "level": 3, "type": "role play", "rouge_l_recall": 0.5},
        {"split": "forget", "level": 3, "type": "cross lingual", "rouge_l_recall": 0.0},
        {"split": "hard_retain", "level": 1, "type": "cloze", "rouge_l_recall": 0.25},
    ]
    values = values_of(rows)
    assert {key: value for key, value in values.items() if key.startswith("rwku.")} == {
        "rwku.forget_level1": 0.0,
        "rwku.forget_level3": 0.5,
        "rwku.role_play": 0.75,
        "rwku.cross_lingual": 0.0,
        "rwku.neighbour_level1": 0.25,
    }
    assert values["efficacy.rouge_l_recall"] == 0.375
    assert counts_of(rows)["rwku.role_play"] == 2
    assert not any(key.startswith("rwku.") for key in values_of(ROWS))


def test_floors_are_of_the_questions_that_know_one() -> None:
    rows = [{"floor_probability": 0.25}, {"floor_probability": 0.5, "floor_consistency": None}, {"floor_probability": None}]
    assert floors_of(rows) == {"efficacy.probability": 0.375}


def test_worst_attack_is_the_one_that_draws_out_more() -> None:
    rows = [{**row, "soft_embedding_rouge_l_recall": 0.1} for row in ROWS if row["split"] == "forget"]
    assert values_of(rows)["robustness.worst"] == 0.25
    assert "robustness.worst" not in values_of([{"split": "forget", "rouge_l_recall": 0.0}])


def test_bars_turn_lower_into_better_and_give_the_best_method_one() -> None:
    measures = (Measure("efficacy.a", "", "lower"), Measure("efficacy.b", "", "lower"), Measure("utility.c", "", "higher"))
    values = {
        "one": {"efficacy.a": 0.2, "efficacy.b": 0.4, "utility.c": 0.5},
        "other": {"efficacy.a": 0.6, "efficacy.b": 0.7, "utility.c": 0.25},
    }
    assert bars(values, {}, measures) == {"efficacy": {"one": 1.0, "other": 0.5}, "utility": {"one": 1.0, "other": 0.5}}


def test_measure_that_a_method_lacks_counts_for_none() -> None:
    measures = (Measure("efficacy.a", "", "lower"), Measure("efficacy.b", "", "lower"))
    values = {"one": {"efficacy.a": 0.5, "efficacy.b": 0.0}, "other": {"efficacy.a": 0.75}}
    assert bars(values, {}, measures) == {"efficacy": {"one": 1.0, "other": 0.5}}


def test_bar_with_a_floor_is_highest_at_the_floor_and_not_below_it() -> None:
    measures = (Measure("efficacy.a", "", "floor"), Measure("efficacy.b", "", "lower"))
    silent, near, far = ({"efficacy.a": a, "efficacy.b": b} for a, b in ((0.1, 0.0), (0.3, 0.4), (0.7, 0.4)))
    heights = bars({"silent": silent, "near": near, "far": far}, {"efficacy.a": 0.25}, measures)["efficacy"]
    assert heights == {"silent": pytest.approx(0.85 / 0.95, abs=1e-4), "near": 1.0, "far": pytest.approx(0.55 / 0.95, abs=1e-4)}


def test_bar_of_the_distance_question_by_question_is_what_is_gone_of_the_bases() -> None:
    """It alone is the criterion's; whoever is further away than the base has none."""
    measures = (*BESIDE_BASE, Measure("efficacy.a", "", "floor"))
    values = {
        name: {"efficacy.from_floor": distance, "efficacy.a": 0.25}
        for name, distance in (("half", 0.1), ("tenth", 0.18), ("further", 0.3))
    }
    heights = bars(values, {"efficacy.a": 0.25, "efficacy.from_floor": 0.05}, measures, {"efficacy.from_floor": 0.2})
    assert heights["efficacy"] == {"half": 1.0, "tenth": 0.2, "further": 0.0}
    assert bars(values, {"efficacy.a": 0.25}, measures)["efficacy"] == dict.fromkeys(values, 1.0)


def test_no_bar_where_every_method_has_nothing_or_nothing_is_a_share() -> None:
    measures = (Measure("hallucination.a", "", "higher"), Measure("gap.b", "", "lower", in_bars=False))
    assert bars({"one": {"hallucination.a": 0.0, "gap.b": 0.3}}, {}, measures) == {}


def test_keys_are_distinct_and_the_five_criteria_are_there() -> None:
    assert len({measure.key for measure in MEASURES}) == len(MEASURES)
    assert {m.criterion for m in MEASURES} == {"efficacy", "utility", "quality", "hallucination", "robustness", "gap"}


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_value_that_is_no_number_is_left_out(value: float) -> None:
    assert values_of([{"split": "forget", "base_nll": value}]) == {}


def test_leak_at_k_is_the_mean_over_all_draws_of_k_samples() -> None:
    said = [True, False, False, True, False]
    draws = list(combinations(said, 4))
    leaks = leaks_of({"sampled_said": 2 / 5, "floor_sampled_said": 0.0}, 5)
    assert leaks["leak_at_1"] == pytest.approx(2 / 5)
    assert leaks["leak_at_4"] == pytest.approx(sum(map(any, draws)) / len(draws))
    assert leaks["floor_leak_at_4"] == 0.0
    assert "leak_at_16" not in leaks, "so many were not sampled"


@pytest.mark.parametrize("row", [{}, {"sampled_said": None}])
def test_what_was_not_sampled_has_no_leak(row: dict[str, None]) -> None:
    assert leaks_of(row, 0) == {}
    assert leaks_of(row, 1) == {"leak_at_1": None, "floor_leak_at_1": None}


def test_all_samples_leak_together() -> None:
    assert leaks_of({"sampled_said": 1 / 64}, 64)["leak_at_64"] == 1.0
    assert leaks_of({"sampled_said": 1 / 64}, 64)["leak_at_16"] == pytest.approx(16 / 64)
