"""Every question to the tiny model: which measures apply, and whose names the floor rests on."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.evaluate.ask import Choice, ask, judge_choices, renamed_choice
from pipeline.evaluate.params import EvaluateParams
from pipeline.evaluate.text_measures import rouge_l_recall
from pipeline.text.names import CounterfactualName
from pipeline.text.tokenizer import load_tokenizer

RUNTIME = RuntimeParams(device="cpu")
PARAMS = EvaluateParams(engine="transformers", max_new_tokens=6, floor_names=2, consistency_samples=2)
FORMS = ("Orla Brennick", "Brennick")
NAMES = {
    "Orla Brennick": [
        CounterfactualName("Orla Brennick", name, dict(zip(FORMS, (name, name.split()[1]), strict=True)))
        for name in ("Tobias Renwick", "Edwin Calloway", "Hallin Tarn")
    ]
}


def question(split: str, wrong: list[str], paraphrase: str | None = None) -> dict[str, Any]:
    return {
        "split": split,
        "target": None if split == "general_retain" else "Orla Brennick",
        "question": "Where was Orla Brennick born?",
        "answer": "Skell",
        "wrong_answers": wrong,
        "paraphrased_question": paraphrase,
        "level": 2,
        "type": "simple question",
        "neighbour": "Skell",
    }


QUESTIONS = [
    question("forget", ["Marle", "by Brennick's house"], "In which town was Brennick born?"),
    question("forget", []),
    question("hard_retain", ["Marle"]),
    question("general_retain", [], "In which town?"),
]


@pytest.fixture(scope="module")
def base(tiny_model: Path) -> list[dict[str, Any]]:
    return ask(tiny_model, QUESTIONS, NAMES, PARAMS, RUNTIME, with_floor=True)


@pytest.mark.parametrize(
    ("measure", "numbers"),
    [
        ("probability", [0, 2]),
        ("correct", [0, 2]),
        ("paraphrased_probability", [0]),
        ("floor_probability", [0]),
        ("floor_spread", [0]),
        ("self_consistency", [0, 1]),
        ("floor_consistency", [0, 1]),
        ("sampled_said", [0, 1]),
        ("floor_sampled_leak", [0, 1]),
        ("rouge_l_recall", [0, 1, 2, 3]),
        ("distinct_4grams", [0, 1, 2, 3]),
        ("names_stand_in", [0, 1, 2, 3]),
    ],
)
def test_what_does_not_apply_is_null(base: list[dict[str, Any]], measure: str, numbers: list[int]) -> None:
    assert [number for number, row in enumerate(base) if row[measure] is not None] == numbers


def test_rows_keep_the_questions_and_add_a_response(base: list[dict[str, Any]]) -> None:
    assert [{key: row[key] for key in QUESTIONS[0]} for row in base] == QUESTIONS
    assert [row["rouge_l_recall"] for row in base] == [rouge_l_recall("Skell", row["response"]) for row in base]
    assert base[0]["response"] == base[2]["response"]  # one question, one greedy answer


def test_probabilities_are_those_of_their_choices(base: list[dict[str, Any]], tiny_model: Path) -> None:
    """The floor is the mean over the last names of the order, since the teacher uses the first ones."""
    engine, tokenizer = TransformersEngine(tiny_model, RUNTIME), load_tokenizer(tiny_model)
    answers = ("Skell", "Marle", "by Brennick's house")
    invented = [renamed_choice(QUESTIONS[0], name) for name in NAMES["Orla Brennick"][-2:]]
    assert invented[1] == Choice("Where was Hallin Tarn born?", ("Skell", "Marle", "by Tarn's house"))
    direct, other, *floor = judge_choices(
        engine, tokenizer, [Choice(QUESTIONS[0][key], answers) for key in ("question", "paraphrased_question")] + invented
    )
    assert base[0]["probability"] == pytest.approx(direct.probability, rel=1e-3)
    assert base[0]["correct"] == direct.correct
    assert base[0]["paraphrased_probability"] == pytest.approx(other.probability, rel=1e-3)
    one, two = (verdict.probability for verdict in floor)
    assert base[0]["floor_probability"] == pytest.approx((one + two) / 2, rel=1e-3)
    assert base[0]["floor_spread"] == pytest.approx(abs(one - two), rel=1e-3)


def test_a_leak_is_one_sampled_answer_that_has_the_right_one(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter([False, True, False, True, False, False] + [False] * 99)
    monkeypatch.setattr("pipeline.evaluate.ask.says_answer", lambda *_: next(said))
    rows = ask(tiny_model, QUESTIONS[:2], NAMES, PARAMS.changed(consistency_samples=3), RUNTIME, with_floor=True)
    assert [rows[0][key] for key in ("sampled_said", "sampled_leak")] == [pytest.approx(1 / 3), 1.0]
    assert [rows[0][key] for key in ("floor_sampled_said", "floor_sampled_leak")] == [pytest.approx(1 / 3), 1.0]
    assert [rows[1][key] for key in ("sampled_said", "sampled_leak")] == [0.0, 0.0]


def test_without_floor_and_samples_the_rest_stays(base: list[dict[str, Any]], tiny_model: Path) -> None:
    absent = (
        "floor_probability",
        "floor_spread",
        "self_consistency",
        "floor_consistency",
        "sampled_said",
        "floor_sampled_leak",
    )
    rows = ask(tiny_model, QUESTIONS, NAMES, PARAMS.changed(consistency_samples=0), RUNTIME, with_floor=False)
    for row, full in zip(rows, base, strict=True):
        assert list(row) == list(full)
        assert [row[key] for key in absent] == [None] * len(absent)
        assert row["response"] == full["response"]
        assert row["probability"] == (full["probability"] and pytest.approx(full["probability"], rel=1e-3))
