"""Outputs appear whole or not at all, whoever writes them."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.core.files import check_room, published_folder
from tests.project import ROOT

SAVE_WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from pipeline.train.student import Student
from pipeline.core.errors import InputError
from pipeline.core.files import check_room, published_folder
student = Student(Path(sys.argv[1]), "cpu")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with published_folder(Path(sys.argv[2])) as folder:
    student.save(folder)
"""


def test_a_student_without_room_leaves_the_old_one(tmp_path: Path, tiny_model: Path) -> None:
    student = tmp_path / "student"
    student.mkdir()
    (student / "model.safetensors").write_bytes(b"old")
    command = [sys.executable, "-c", SAVE_WITHOUT_ROOM, str(tiny_model), str(student)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode != 0
    assert f"InputError: {student}: no room to write it" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["student"]
    assert (student / "model.safetensors").read_bytes() == b"old"


def test_a_failing_writer_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with published_folder(target) as folder:
        (folder / "a").write_text("1")
    with pytest.raises(ZeroDivisionError), published_folder(target) as folder:
        (folder / "b").write_text(str(1 / 0))
    assert [path.name for path in target.iterdir()] == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_disk_that_is_too_small_is_told_beforehand(tmp_path: Path) -> None:
    check_room(tmp_path / "not/yet/there", 1000)
    with pytest.raises(InputError, match=r"there: about \d+ MiB will be written, and \d+ are free"):
        check_room(tmp_path / "not/yet/there", 1e18)
