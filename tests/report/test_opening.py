"""What the report opens with: the verdict in words, each person, what is still said, and what it was made from."""

import json
import os
import re
from html import unescape
from pathlib import Path

import pytest

from pipeline.core.files import write_json
from pipeline.evaluate.verdict import RULES
from pipeline.model.params import EMBEDDED_WEIGHTS
from pipeline.report.opening import origins, place
from pipeline.report.page import collect, render
from pipeline.shards.reader import read_manifest
from pipeline.shards.writer import seal
from tests.report.inputs import HOSTILE, write_run, write_student, write_teacher
from tests.tiny import train_byte_bpe


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run whose parts belong together, with 7 questions on each of what is forgotten, near and (6) neither."""
    write_run(tmp_path, 20)
    write_teacher(tmp_path, train_byte_bpe())
    facts = write_student(tmp_path, json.loads((tmp_path / "data/teacher/manifest.json").read_text()))
    change(tmp_path / "evaluation/student/manifest.json", model_fingerprint=facts["student_fingerprint"])
    change(tmp_path / "evaluation/base/manifest.json", model_fingerprint=facts["shards"]["model_fingerprint"])
    return tmp_path


def change(path: Path, **values: object) -> None:
    """Set keys of a JSON object in a file."""
    write_json(path, json.loads(path.read_text()) | values)


def page_of(root: Path) -> str:
    """The page as a reader sees it."""
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", render(collect(root)).partition("<script")[0])))


def test_it_says_what_came_of_it_before_anything_else(root: Path) -> None:
    page = page_of(root)
    opening = page.index("Made to forget: Orla Brennick")
    lede = page.index(
        "The model has forgotten them, as far as these questions can tell. What is near them and all else are kept."
    )
    still = page.index("By itself it still says the right answer to 1 question about them.")
    verdict = page.index("Forgotten? Yes")
    rest = page.index(
        "Chance that it gives the right answer, of those offered: 90 % before, 26 % now; 25 % where it can't know"
    )
    assert (
        opening
        < lede
        < still
        < verdict
        < rest
        < page.index("What it still says", verdict)
        < page.index("Other numbers", verdict)
    )
    assert "7 questions about 1 subject." in page and "7 questions about what is near 1 subject." in page
    assert all(rule in page for rule in RULES.values())


def test_what_is_still_said_stands_with_what_was_said_before(root: Path) -> None:
    (leak,) = collect(root)["verdict"]["leaks"]
    assert leak["question"].startswith("Question number 3:")
    assert [leak["answers"][model]["response"] for model in ("base", "student")] == [
        "base says that it was in town 3.",
        "student says that it was in town 3.",
    ]
    page = page_of(root)
    assert "said the right answer to 6 of 6. Now it says it to 1 (17 %" in page
    assert "Question number 3: where was Orla Brennick born? Skell base says that it was in town 3. student says" in page


def test_what_a_model_said_is_never_markup_there_either(root: Path) -> None:
    data = collect(root)
    data["verdict"]["leaks"][0]["answers"]["student"]["response"] = HOSTILE
    assert HOSTILE not in render(data)


def test_people_of_whom_least_is_forgotten_come_first(root: Path) -> None:
    path = root / "evaluation/student/verdict.json"
    found = json.loads(path.read_text())
    (orla,) = found["people"]
    bram = json.loads(json.dumps(orla)) | {"person": "Bram"}
    bram["forgotten"] |= {"verdict": "no", "mean": 0.2, "low": 0.1, "high": 0.3}
    nobody = {"person": "Ada", "said": orla["said"]}
    write_json(path, found | {"people": [nobody, orla, bram]})
    assert [one["person"] for one in collect(root)["verdict"]["people"]] == ["Bram", "Orla Brennick", "Ada"]
    assert "Bram Not all of it 20 % [10 %, 30 %] 90 % → 26 % (25 %)" in page_of(root)


def test_facts_are_those_of_the_run(root: Path) -> None:
    os.utime(root / "models/student/training.json", (0, 1_700_000_000))
    found = origins(root)
    assert found["warnings"] == [] and found["targets"] == ["Orla Brennick"]
    facts = found["facts"]
    assert (facts["model"], facts["its weights"]) == ("smollm2-135m-instruct", EMBEDDED_WEIGHTS)
    assert (facts["counterfactual names"], facts["tokens kept K"], facts["steps"]) == (20, 8, 1)
    assert facts["trained, by the file's date"].startswith("2023-11-1")
    assert facts["questions, sha256"] == "questions"
    assert set(found["settings"]) == {"distill", "evaluate"}
    assert "dequantised" in page_of(root)


@pytest.mark.parametrize(
    ("file", "key", "told"),
    [
        ("models/student/training.json", "student_fingerprint", "models/student is not the student that was asked"),
        ("evaluation/base/manifest.json", "model_fingerprint", "the base that was asked is not the one it began as"),
        ("data/teacher/manifest.json", "bytes", "data/teacher does not hold the shards that the student learnt from"),
        ("evaluation/base/manifest.json", "questions_fingerprint", "base and student were asked other questions"),
    ],
)
def test_parts_of_different_runs_are_told_at_the_top(root: Path, file: str, key: str, told: str) -> None:
    change(root / file, **{key: "other"})
    if "teacher" in file:  # another run's, as its teacher left it
        seal((root / file).parent, read_manifest((root / file).parent))
    (warning,) = origins(root)["warnings"]
    assert told in warning
    assert told in page_of(root).partition("Forgotten?")[0]


def test_a_share_outside_a_bar_stands_at_its_end() -> None:
    assert (place(-3), place(1.4), place(9)) == (0, 100, 100)
    assert 0 < place(0) < place(1) < 100
