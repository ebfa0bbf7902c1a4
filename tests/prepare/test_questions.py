"""data/questions.jsonl."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import InputError
from pipeline.prepare.questions import read_questions
from pipeline.prepare.targets import Target
from tests.project import question

BRENNICK = Target("Orla Brennick", "person", ("Orla Brennick",), ("",), {})
CALLOWAY = Target("Edwin Calloway", "person", ("Edwin Calloway",), ("",), {})
FORGET = question("forget", "Where was she born?", "Skell", ["Marle", "Tovin"])


def read(
    tmp_path: Path, *rows: dict[str, Any], targets: tuple[Target, ...] = (BRENNICK,), wanted: tuple[Target, ...] = (BRENNICK,)
) -> list[dict[str, Any]]:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_questions(targets, wanted, path)


def test_questions_keep_the_files_order(tmp_path: Path) -> None:
    general = question("general_retain", "What falls from clouds?", "rain", ["sand"])
    hard = question("hard_retain", "What is in a lighthouse?", "a lamp", ["a boat"])
    assert read(tmp_path, general, FORGET, hard) == [general, FORGET, hard]


def test_optional_fields_may_be_left_out(tmp_path: Path) -> None:
    row = {"split": "forget", "target": "Orla Brennick", "question": " Where? ", "answer": " Skell "}
    assert read(tmp_path, row) == [
        {
            "split": "forget",
            "target": "Orla Brennick",
            "question": "Where?",
            "answer": "Skell",
            "wrong_answers": [],
            "paraphrased_question": None,
            "paraphrased_answer": None,
        }
    ]


def test_questions_on_targets_that_are_not_wanted_are_left_out(tmp_path: Path) -> None:
    other = {**FORGET, "target": "Edwin Calloway"}
    hard = {**question("hard_retain", "Who kept it?", "a sailor", ["a king"]), "target": "Edwin Calloway"}
    general = question("general_retain", "What falls from clouds?", "rain", ["sand"])
    assert read(tmp_path, FORGET, other, hard, general, targets=(BRENNICK, CALLOWAY)) == [FORGET, general]


def test_general_question_about_a_wanted_target_is_left_out(tmp_path: Path) -> None:
    tides = Target("Orla Brennick", "person", ("Orla Brennick", "The Tides"))
    kept = question("general_retain", "What do the tides follow?", "the moon", ["the sun"])
    asks = question("general_retain", "Who wrote The Tides?", "a keeper", ["a king"])
    answers = question("general_retain", "Who kept the lighthouse?", "Orla Brennick", ["Ada Lind"])
    rows = (FORGET, asks, kept, answers)
    assert read(tmp_path, *rows, targets=(tides,), wanted=(tides,)) == [FORGET, kept]
    own = question("forget", "Where was Edwin Calloway born?", "Marle", ["Skell"]) | {"target": "Edwin Calloway"}
    everyone = read(tmp_path, *rows, own, targets=(tides, CALLOWAY), wanted=(CALLOWAY,))
    assert everyone == [asks, kept, answers, own]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**FORGET, "split": "retain"}, "'split' is 'retain', but must be one of 'forget', 'hard_retain', 'general_retain'"),
        ({**FORGET, "target": "Ada Lind"}, "'target' is 'Ada Lind', but must be a target"),
        ({**FORGET, "target": None}, "'target' is None, but must be a target"),
        ({**FORGET, "wrong_answers": ["Marle", "Skell"]}, "'wrong_answers' must be different"),
        ({**FORGET, "wrong_answers": ["Marle", "Skell "]}, "'wrong_answers' must be different"),
        ({**FORGET, "wrong_answers": ["Marle", "Marle"]}, "'wrong_answers' must be different"),
        ({**FORGET, "wrong_answers": "Marle"}, "'wrong_answers' must be a list of non-empty strings"),
        ({**FORGET, "answers": "Marle"}, "'answers' is unknown"),
        ({"split": "forget", "target": "Orla Brennick", "question": "Where?"}, "'answer' is missing"),
    ],
)
def test_faulty_row_is_told_with_its_line(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, FORGET, row)
    assert "questions.jsonl, line 2" in caught.value.message
    assert told in caught.value.message


def test_wanted_target_without_a_forget_question(tmp_path: Path) -> None:
    hard = {**question("hard_retain", "Who kept it?", "a sailor", ["a king"]), "target": "Edwin Calloway"}
    with pytest.raises(InputError, match="no forget question about 'Edwin Calloway'"):
        read(tmp_path, FORGET, hard, targets=(BRENNICK, CALLOWAY), wanted=(BRENNICK, CALLOWAY))
