"""A teacher killed in the middle goes on where it was, and ends with the bytes of a run that nobody killed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from pipeline.shards.reader import row_groups
from tests.project import environment, make_project, run, set_params, stage

SMALL_BATCHES = """
from pipeline.teacher import build
build.BATCH_TOKENS = 200
from stages.teacher import main
main([])
"""


def shard_bytes(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((project / "data/teacher").iterdir())}


def start_teacher(project: Path) -> "subprocess.Popen[bytes]":
    """The stage in a process of its own, with batches so small that there are many."""
    command = [sys.executable, "-c", SMALL_BATCHES]
    return subprocess.Popen(command, cwd=project, env=environment(), stderr=subprocess.DEVNULL)


def test_killed_teacher_resumes_to_the_same_bytes(tmp_path: Path, tiny_model: Path) -> None:
    project = make_project(tmp_path / "project", tiny_model, retain_passages=80)
    set_params(project, {"teacher.shard_megabytes": 0.01})
    stage(project, "base")
    stage(project, "prepare")
    stage(project, "elicit")
    run(project, sys.executable, "-c", SMALL_BATCHES)
    undisturbed = shard_bytes(project)
    parts = len(row_groups(project / "data/teacher"))
    assert sum(name.startswith("shard-") for name in undisturbed) > 1

    process = start_teacher(project)
    work = project / ".nevermet"
    while process.poll() is None and len(list(work.glob("teacher-*/part-*.json"))) < 3:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in work.glob("teacher-*/part-*.json")}
    assert 3 <= len(finished) < parts
    assert shard_bytes(project) == undisturbed, "the old output stands until the new one is whole"

    resumed = start_teacher(project)
    kept = set()
    while resumed.poll() is None:
        for path, written in finished.items():
            if path.exists() and path.stat().st_mtime_ns == written:
                kept.add(path)
        time.sleep(0.05)
    assert resumed.returncode == 0
    assert kept == set(finished), "finished parts were made again"
    assert shard_bytes(project) == undisturbed
    assert not list(work.glob("teacher-*"))
