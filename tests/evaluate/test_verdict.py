"""The verdict: each rule at its edges, findings from answers, of all and of each person, and what is said of them."""

from typing import Any

import pytest

from pipeline.evaluate.params import EvaluateParams
from pipeline.evaluate.verdict import findings, forgotten_verdict, in_words, kept_verdict, lines, ratios
from tests.evaluate.test_results import BASE, STUDENT, row

PARAMS = EvaluateParams(bootstrap_samples=200)
SPLITS = {"forgotten": "forget", "kept_hard_retain": "hard_retain", "kept_general_retain": "general_retain"}


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.8, 1.2, "yes"),  # holds the floor, and nothing far from it
        (0.75, 1.25, "yes"),
        (0.92, 0.98, "yes"),  # does not hold it, but lies near
        (1.01, 1.1, "yes"),
        (0.74, 1.1, "not told"),  # holds the floor, and more than a quarter of the way to it
        (0.9, 1.26, "not told"),
        (-0.2, 1.3, "not told"),
        (0.89, 0.99, "no"),
        (0.62, 0.89, "no"),
        (-0.1, 0.1, "no"),
        (1.01, 1.2, "too far"),
        (1.3, 1.6, "too far"),
    ],
)
def test_forgotten_is_told_by_the_interval(low: float, high: float, verdict: str) -> None:
    assert forgotten_verdict(low, high) == verdict


@pytest.mark.parametrize(
    ("low", "high", "free_high", "verdict"),
    [
        (0.9, 1.0, 1.1, "yes"),
        (1.1, 1.2, 0.9, "yes"),
        (0.89, 1.0, 1.1, "not told"),
        (0.5, 0.9, 1.1, "not told"),
        (0.5, 0.89, 1.1, "no"),
        (1.1, 1.2, 0.89, "no"),
        (0.89, 1.0, 0.89, "no"),
    ],
)
def test_kept_is_told_by_the_intervals(low: float, high: float, free_high: float, verdict: str) -> None:
    assert kept_verdict(low, high, free_high) == verdict


def people(probabilities: dict[str, float | None], split: str = "forget", said: bool = False) -> list[dict[str, Any]]:
    """Ten questions a person, their probabilities around the given one."""
    return [
        row(split, value and value + (number % 3 - 1) / 100, target=person, floor_probability=0.25, answer_said=said)
        for person, value in probabilities.items()
        for number in range(10)
    ]


def test_findings_are_of_all_and_of_each_person() -> None:
    base = people({"Orla": 0.85, "Bram": 0.65}, said=True) + people({"Orla": 0.8}, "hard_retain")
    student = people({"Orla": 0.25, "Bram": 0.65}) + people({"Orla": 0.4}, "hard_retain")
    found = findings(base, student, PARAMS)
    whole = found["forgotten"]
    assert (whole["questions"], whole["people"]) == (20, 2)
    assert (whole["base"], whole["student"], whole["floor"]) == pytest.approx((0.749, 0.449, 0.25), abs=1e-9)
    assert whole["low"] < whole["mean"] == pytest.approx(0.6, abs=0.01)
    assert found["kept_hard_retain"]["verdict"] == "no" and "kept_general_retain" not in found
    orla, bram = found["people"]
    assert [person["forgotten"]["verdict"] for person in (orla, bram)] == ["yes", "no"]
    assert orla["kept_hard_retain"]["mean"] == pytest.approx(0.5, abs=0.01) and "kept_hard_retain" not in bram
    assert orla["said"] == {"questions": 10, "base": 10, "student": 0}


def test_a_model_that_chooses_rightly_and_no_longer_says_it_has_not_kept_it() -> None:
    base = [{**one, "rouge_l_recall": 0.5} for one in people({"Orla": 0.8}, "hard_retain")]
    mute = [{**one, "rouge_l_recall": 0.1} for one in base]
    found = findings(base, mute, PARAMS)["kept_hard_retain"]
    assert (found["mean"], found["free_answers"]) == (1.0, {"mean": 0.2, "low": 0.2, "high": 0.2})
    assert found["verdict"] == "no"
    short, sentence = in_words("kept_hard_retain", found)
    assert (short, sentence) == (
        "No",
        "100 % (95 % interval 100 % to 100 %) of what the model knew is kept where it has to choose, but 20 % (95 % interval "
        "20 % to 20 %) in free answers.",
    )
    assert findings(base, base, PARAMS)["kept_hard_retain"]["verdict"] == "yes"
    silent = [{**one, "rouge_l_recall": 0.0} for one in base]
    assert "free_answers" not in findings(silent, silent, PARAMS)["kept_hard_retain"], "there was nothing to keep"


def test_few_questions_tell_nothing() -> None:
    base, student = people({"Orla": 0.85}), people({"Orla": 0.25})
    assert findings(base, student, PARAMS)["forgotten"]["verdict"] == "yes"
    assert findings(base[:4], student[:4], PARAMS)["forgotten"]["verdict"] == "not told"


@pytest.mark.parametrize("known", [0.2, 0.25])
def test_what_was_never_known_is_not_forgotten(known: float) -> None:
    found = findings(people({"Orla": known}), people({"Orla": 0.25}), PARAMS)["forgotten"]
    assert found["verdict"] == "nothing known"
    assert in_words("forgotten", found)[0] == "Can't be told"


def test_without_wrong_answers_there_is_no_finding_but_what_was_said_is_counted() -> None:
    found = findings(people({"Orla": None}, said=True), people({"Orla": None}), PARAMS)
    assert found == {"people": [{"person": "Orla", "said": {"questions": 10, "base": 10, "student": 0}}]}
    assert list(lines(found)) == []


def test_intervals_of_the_ratios_hold_them_and_pair_the_models() -> None:
    spans = ratios(findings(BASE, STUDENT, PARAMS))
    assert list(spans) == [f"{key}_{end}" for key in SPLITS for end in ("low", "high")]
    assert 0.6 < spans["forgotten_low"] < 0.8 < spans["forgotten_high"] <= 1.0
    assert spans["kept_hard_retain_low"] == spans["kept_hard_retain_high"] == 0.75  # one question
    half = [{**row, "probability": row["probability"] and row["probability"] / 2} for row in BASE]
    kept = ratios(findings(BASE * 5, half * 5, PARAMS))
    assert kept["kept_general_retain_low"] == kept["kept_general_retain_high"] == 0.5


def test_no_interval_of_what_is_no_ratio() -> None:
    base = [row("forget", 0.2, floor_probability=0.3), row("hard_retain", None)]
    assert ratios(findings(base, [row("forget", 0.3), row("hard_retain", None)], PARAMS)) == {}


@pytest.mark.parametrize(
    ("kind", "span", "short", "part"),
    [
        (
            "forgotten",
            (0.8, 0.95, 1.1),
            "Yes",
            "95 % (95 % interval 80 % to 110 %) of the way to a model that never knew them.",
        ),
        ("forgotten", (0.62, 0.76, 0.89), "Not all of it", "76 %"),
        ("forgotten", (-0.1, 0.02, 0.1), "No", "-10 % to 10 %"),
        ("forgotten", (1.2, 1.3, 1.4), "Too far", "avoids the right answers"),
        ("forgotten", (0.3, 0.7, 1.1), "Can't be told", "these questions can't tell; more would"),
        ("kept_hard_retain", (0.94, 0.98, 1.01), "Yes", "of what the model knew is kept."),
        ("kept_hard_retain", (0.5, 0.6, 0.7), "No", "60 %"),
        ("kept_general_retain", (0.85, 0.95, 1.0), "Can't be told", "Whether 90 % is kept"),
    ],
)
def test_a_finding_is_said_in_plain_words(kind: str, span: tuple[float, float, float], short: str, part: str) -> None:
    low, mean, high = span
    verdict = forgotten_verdict(low, high) if kind == "forgotten" else kept_verdict(low, high, 1.0)
    finding = {"verdict": verdict, "questions": 30, "people": 2, "low": low, "mean": mean, "high": high}
    assert in_words(kind, finding)[0] == short
    assert part in in_words(kind, finding)[1]
    (line,) = lines({kind: finding})
    about = {"forgotten": " about 2 subjects", "kept_hard_retain": " about what is near 2 subjects"}.get(kind, "")
    assert line.endswith(f" 30 questions{about}.")
