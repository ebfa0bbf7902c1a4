"""A stage holds what it writes: another run, a disk that takes nothing, a signal and a kill are each told or put right."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.core.errors import InputError
from pipeline.core.files import published_folder
from pipeline.core.hold import Stopped, hold
from tests.project import environment, make_project, run, stage

WAITING = """
import sys, time
from pathlib import Path
import click
from pipeline.core.hold import hold

@click.command()
@hold(Path("out"))
def main():
    print("held", flush=True)
    time.sleep(60)

main()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def waiting(here: Path) -> "Iterator[subprocess.Popen[str]]":
    """Another process that holds ``out``."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        env={**environment(), "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_told_whose_the_first_is(here: Path, waiting: "subprocess.Popen[str]") -> None:
    with pytest.raises(InputError, match=rf"out is being made by process {waiting.pid} "), hold(Path("out")):
        pass
    with hold(Path("other/out")):  # of the same name, elsewhere
        pass


def test_a_killed_run_holds_nothing(here: Path, waiting: "subprocess.Popen[str]") -> None:
    waiting.kill()
    waiting.wait()
    with hold(Path("out")):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_one_line(waiting: "subprocess.Popen[str]", number: signal.Signals) -> None:
    waiting.send_signal(number)
    _, told = waiting.communicate(timeout=10)
    assert waiting.returncode == 128 + number
    assert told == f"Error: stopped by {number.name}; out as before, run the same again to go on.\n"


def test_a_signal_after_the_writing_tells_what_is_new(here: Path) -> None:
    Path("before").mkdir()
    told = r"SIGINT; out is new and before as before, run .* again"
    with pytest.raises(Stopped, match=told), hold(Path("out"), Path("before")):
        with published_folder(Path("out")):
            pass
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(Stopped, match=r"SIGTERM; out is new\.$"), hold(Path("out")):
        with published_folder(Path("out")):
            pass
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_between_two_renames_is_put_right(here: Path) -> None:
    Path("out").mkdir()
    with pytest.raises(Stopped, match="out as before, run"), hold(Path("out")):
        Path("out").rename(".out.old")
        signal.raise_signal(signal.SIGINT)
    assert Path("out").exists() and not Path(".out.old").exists()


def test_a_folder_that_takes_nothing_is_told_before_the_work(here: Path) -> None:
    Path("file").touch()
    with pytest.raises(InputError, match=r"file/out can't be written \(.*file"), hold(Path("file/out")):
        raise AssertionError("the work began")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to any folder")
def test_a_read_only_folder_is_told_before_the_work(here: Path) -> None:
    Path("shut").mkdir(mode=0o500)
    with pytest.raises(InputError, match=r"shut/out can't be written \(Permission denied"), hold(Path("shut/out")):
        raise AssertionError("the work began")


@pytest.mark.parametrize("name", ["base", "prepare", "elicit", "teacher", "distill"])
def test_every_stage_looks_before_it_works(tmp_path: Path, tiny_model: Path, name: str) -> None:
    project = make_project(tmp_path, tiny_model)
    blocked = project / ("models" if name in ("base", "distill") else "data")
    blocked.rename(project / "elsewhere") if blocked.exists() else None
    blocked.write_text("a file in place of the folder")
    told = stage(project, name, check=False)
    assert told.exit_code == 2, told.output
    assert f"{blocked.name}/" in told.output and "can't be written" in told.output


def test_a_kill_between_two_renames_recovers(here: Path) -> None:
    out = Path("out")
    with published_folder(out) as folder:
        (folder / "a").write_text("old")
    out.rename(".out.old")
    Path(".out.new").mkdir()
    with hold(out):
        assert (out / "a").read_text() == "old"
        assert sorted(path.name for path in here.iterdir()) == [".nevermet", "out"]


def test_dvc_leaves_no_stage_behind(tmp_path: Path, tiny_model: Path) -> None:
    """DVC is ended; the stage that it had begun ends too, though no signal was sent to that, whatever shell began it."""
    project = make_project(tmp_path / "project", tiny_model)
    run(project, "git", "init", "-q")
    run(project, "dvc", "init", "-q")
    (project / "stages/base.py").write_text(WAITING.replace('print("held", flush=True)', 'Path("held").touch()'))
    process = subprocess.Popen(
        ["dvc", "repro", "-q", "base"], cwd=project, env={**environment(), "SHELL": "/bin/sh"}, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not (project / "held").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    lock = next((project / ".nevermet/locks").glob("*.lock"))
    process.send_signal(signal.SIGTERM)
    process.wait()
    with FileLock(lock, timeout=30):  # the system frees it when its process ends
        pass
