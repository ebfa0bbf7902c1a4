"""A teacher killed in the middle goes on where it was, and ends with the bytes of a run that nobody killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.engines.vllm_engine import VllmPrefill
from pipeline.shards.reader import row_groups
from pipeline.teacher import build
from tests.project import environment, make_project, set_params, stage

BATCH_TOKENS = 200  # so small that there are many batches
IN_SMALL_BATCHES = f"""
from pipeline.teacher import build
build.BATCH_TOKENS = {BATCH_TOKENS}
from stages.teacher import main
main([])
"""


def shard_bytes(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((project / "data/teacher").iterdir())}


def batches_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[list[int]]]:
    """Run the stage, and return what the engine was given to read: batches of token ids."""
    read: list[list[list[int]]] = []

    def hidden_states(self: VllmPrefill, sequences: Sequence[list[int]], first_rows: Sequence[int]) -> list[object]:
        read.append([list(ids) for ids in sequences])
        return whole(self, sequences, first_rows)

    whole = VllmPrefill.hidden_states
    with monkeypatch.context() as patch:
        patch.setattr(build, "BATCH_TOKENS", BATCH_TOKENS)
        patch.setattr(VllmPrefill, "hidden_states", hidden_states)
        stage(project, "teacher")
    return read


def test_killed_teacher_resumes_to_the_same_bytes(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project", tiny_model, retain_passages=80)
    set_params(project, {"teacher.shard_megabytes": 0.01})
    for name in ("base", "prepare", "elicit"):
        stage(project, name)
    every = batches_read(project, monkeypatch)
    undisturbed = shard_bytes(project)
    assert len(row_groups(project / "data/teacher")) == len(every)
    assert sum(name.startswith("shard-") for name in undisturbed) > 1

    process = subprocess.Popen(
        [sys.executable, "-c", IN_SMALL_BATCHES], cwd=project, env=environment(), stderr=subprocess.DEVNULL
    )
    work = project / ".nevermet"
    while process.poll() is None and len(list(work.glob("teacher-*/part-*.json"))) < 3:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = len(list(work.glob("teacher-*/part-*.json")))
    assert 3 <= finished < len(every)
    assert shard_bytes(project) == undisturbed, "the old output stands until the new one is whole"

    assert batches_read(project, monkeypatch) == every[finished:], "a finished part is not read again"
    assert shard_bytes(project) == undisturbed
    assert not list(work.glob("teacher-*"))
