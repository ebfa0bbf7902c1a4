"""The campaign in its short form: every door of the stages holds. And how the campaign judges what came."""

from pathlib import Path

import pytest

from benchmarks.doors.__main__ import NAMES
from benchmarks.doors.attempt import GOOD, Ended, classify
from benchmarks.doors.campaign import AREAS, cases, ready_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ready_project(tmp_path_factory.mktemp("doors") / "project")


@pytest.mark.parametrize("area", AREAS)
def test_every_door_holds(project: Path, tmp_path: Path, area: str) -> None:
    findings = list(AREAS[area](project, tmp_path / "work", True))
    if [finding.kind for finding in findings] == ["not tried"]:
        pytest.skip(findings[0].said)
    assert len(findings) > 1
    assert [finding for finding in findings if finding.kind not in GOOD] == []


def test_the_command_offers_every_area() -> None:
    assert set(NAMES) == set(AREAS)


def test_bad_inputs_are_many_and_each_another_one() -> None:
    tried = [(case.stage, case.what) for case in cases()]
    assert len(tried) == len(set(tried)) > 500


@pytest.mark.parametrize(
    ("code", "output", "words", "kind"),
    [
        (2, "Error: a.txt: x.\n", ("a.txt",), "told"),
        (2, "bar 50%|\rError: a.txt: x.\n", ("a.txt",), "told"),
        (2, "Usage: a [OPTIONS]\nError: Missing 'b'. Choose from:\n\tc\n", ("'b'",), "told"),
        (2, "Error: a.txt: x.\n", ("b.txt",), "vague"),
        (2, f"Error: a.txt: {'x' * 5000}.\n", ("a.txt",), "vague"),
        (2, "Error: a.txt:\n x.\n", ("a.txt",), "other"),
        (2, "Error: a.txt: x.\n", None, "refused"),
        (1, "Traceback (most recent call last):\nKeyError: 'a'\n", ("a",), "traceback"),
        (1, "Aborted!\n", ("a",), "other"),
        (-11, "", ("a",), "other"),
        (None, "bar", ("a",), "hang"),
        (0, "done\n", ("a",), "silent"),
        (0, "done\n", None, "taken"),
    ],
)
def test_what_came_has_its_class(code: int | None, output: str, words: tuple[str, ...] | None, kind: str) -> None:
    assert classify(Ended(code, output), words)[0] == kind


def test_a_fault_that_is_told_after_outputs_have_changed_is_no_good() -> None:
    assert classify(Ended(2, "Error: a.txt: x.\n"), ("a.txt",), changed=True)[0] == "changed"
