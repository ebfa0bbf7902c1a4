"""Methods compared on the same questions."""

from typing import Any

import numpy as np
import pytest

from benchmarks.criteria.comparison import resampled
from pipeline.evaluate.statistics import estimate

KEY = "efficacy.probability"


def answers(values: Any, **columns: Any) -> list[dict[str, Any]]:
    """A run that has ``values`` as the probabilities of forget questions about nobody in particular."""
    return [{"split": "forget", "target": None, "probability": value, **columns} for value in values]


def test_distance_from_the_floor_is_that_of_the_mean_not_of_each_question() -> None:
    spread = np.tile([-0.2, 0.2], 20)
    drawn = resampled(
        {
            "base": [answers([0.9] * 40, floor_probability=0.3)],
            "at_the_floor": [answers(0.3 + spread)],
            "beside_it": [answers([0.5] * 40)],
        }
    )
    verdicts = drawn.verdicts(KEY, "floor", ["at_the_floor", "beside_it"])
    assert {method: verdict for method, (verdict, _) in verdicts.items()} == {"at_the_floor": "best", "beside_it": "worse"}


def test_direction_decides_who_is_best() -> None:
    drawn = resampled({"low": [answers([0.2] * 9)], "high": [answers([0.6] * 9)]})
    for better, best in (("lower", "low"), ("higher", "high")):
        assert [m for m, (verdict, _) in drawn.verdicts(KEY, better, ["low", "high"]).items() if verdict == "best"] == [best]
    assert drawn.verdicts(KEY, "floor", ["low", "high"]) == {}  # nobody knows the floor
    assert drawn.verdicts(KEY, "lower", ["low", "high", "absent"]) == {}


def test_differences_are_from_the_method_named_and_where_a_floor_is_best_of_the_distances() -> None:
    drawn = resampled(
        {
            "base": [answers([0.9] * 40, floor_probability=0.3)],
            "below": [answers([0.2] * 40)],
            "beside": [answers([0.45] * 40)],
            "mixed": [answers(np.tile([0.1, 0.8], 20))],
        }
    )
    of_distance = drawn.differences(KEY, "floor", "beside")
    assert {method: cell["mean"] for method, cell in of_distance.items()} == pytest.approx(
        {"base": 0.45, "below": -0.05, "mixed": 0.0}
    )
    assert of_distance["below"]["p"] < 0.01 < 0.9 < of_distance["mixed"]["p"]
    assert of_distance["mixed"]["low"] < 0 < of_distance["mixed"]["high"]
    of_value = drawn.differences(KEY, "higher", "beside")
    assert of_value["below"]["mean"] == pytest.approx(-0.25)
    assert drawn.differences(KEY, "lower", "absent") == {}


def test_trainings_of_two_methods_are_drawn_apart_and_their_questions_together() -> None:
    runs = [answers([value] * 9) for value in (0.2, 0.5, 0.8)]
    drawn = resampled({"one": runs, "other": runs})
    assert estimate(drawn.means["one"][KEY])["mean"] == pytest.approx(0.5)
    assert abs(np.corrcoef(drawn.means["one"][KEY], drawn.means["other"][KEY])[0, 1]) < 0.05
    single = resampled({"one": [answers(np.linspace(0, 1, 9))], "other": [answers(np.linspace(0, 1, 9))]})
    assert (single.means["one"][KEY] == single.means["other"][KEY]).all()


def test_nothing_is_drawn_of_no_answers() -> None:
    assert resampled({}).means == {}


def test_measure_of_one_kind_of_probe_reads_these_alone() -> None:
    def run(shift: float) -> list[dict[str, Any]]:
        blanks = [{"rouge_l_recall": 0.2 + shift, "level": 1, "type": "cloze"}] * 6
        adversarial = [
            {"rouge_l_recall": 0.6, "level": 3, "type": "role play"},
            {"rouge_l_recall": 0.8, "level": 3, "type": "x"},
        ]
        return [{"split": "forget", "target": None, "probability": 0.5, **row} for row in [*blanks, *adversarial]]

    drawn = resampled({"one": [run(0.0)], "other": [run(0.1)]})
    assert estimate(drawn.means["one"]["rwku.forget_level1"])["mean"] == pytest.approx(0.2)
    assert estimate(drawn.means["one"]["rwku.role_play"])["mean"] == pytest.approx(0.6)
    told = drawn.verdicts("rwku.forget_level1", "lower", ["one", "other"])
    assert {method: verdict for method, (verdict, _) in told.items()} == {"one": "best", "other": "worse"}
