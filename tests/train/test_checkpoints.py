"""A training that was stopped goes on after its last checkpoint, and ends with the weights of one that nobody stopped."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from benchmarks.doors.attempt import Ended, finish, start
from tests.project import make_project, set_params, stage


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A project with shards and a student, whose training had 32 steps over two epochs."""
    project = make_project(tmp_path_factory.mktemp("ready"), tiny_model, retain_passages=80)
    engines = {f"{name}.engine": "transformers" for name in ("elicit", "teacher")}
    set_params(project, {**engines, "distill.retain_per_forget": 20, "distill.passages_per_step": 3})
    set_params(project, {"runtime.checkpoint_steps": 3})
    for name in ("base", "prepare", "elicit", "teacher", "distill"):
        stage(project, name)
    return project


def student(project: Path) -> dict[str, bytes]:
    files = [*(project / "models/student").iterdir(), project / "evaluation/distill_curve.csv"]
    return {path.name: path.read_bytes() for path in files}


def checkpoints(project: Path) -> list[Path]:
    return sorted((project / ".nevermet").glob("distill-*/step-*.pt"))


def stopped(project: Path, number: signal.Signals, after: int) -> Ended:
    """The end of the stage, stopped by ``number`` when it has written its checkpoint of step ``after`` or a later one."""
    process = start(project, "distill")
    while process.is_alive() and not any(int(path.stem[5:]) >= after for path in checkpoints(project)):
        time.sleep(0.002)
    assert process.pid
    os.kill(process.pid, number)
    return finish(project, process)


@pytest.fixture
def project(ready: Path, tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(ready, tmp_path / "project"))
    shutil.rmtree(copy / "models/student")
    return copy


@pytest.mark.parametrize(("number", "after"), [(signal.SIGKILL, 3), (signal.SIGTERM, 9), (signal.SIGKILL, 18)])
def test_it_ends_with_the_same_weights(ready: Path, project: Path, number: signal.Signals, after: int) -> None:
    assert not checkpoints(ready), "a finished run leaves none"
    ended = stopped(project, number, after)
    assert ended.code == (-number if number == signal.SIGKILL else 128 + number), ended.output
    assert not (project / "models/student").exists()
    left = checkpoints(project)
    # Two are kept; the signal may come between the writing of one and the removal of the oldest.
    assert 1 <= len(left) <= 3 and int(left[-1].stem[5:]) >= after
    if number == signal.SIGTERM:
        assert ended.output.splitlines()[-1].startswith("Error: stopped by SIGTERM; models/student")
    stage(project, "distill")
    assert student(project) == student(ready)
    assert not checkpoints(project)


def test_a_spoilt_checkpoint_is_passed_over(ready: Path, project: Path) -> None:
    stopped(project, signal.SIGKILL, 9)
    last = checkpoints(project)[-1]
    last.write_bytes(last.read_bytes()[:1000])
    stage(project, "distill")
    assert student(project) == student(ready)


def test_other_settings_take_up_nothing(ready: Path, project: Path) -> None:
    stopped(project, signal.SIGKILL, 3)
    set_params(project, {"distill.learning_rate": 1e-4})
    stage(project, "distill")
    assert student(project)["model.safetensors"] != student(ready)["model.safetensors"]
    assert checkpoints(project), "those of the other settings wait for them"
