"""Kills: a stage dies at random moments and right after each of its renames; the next run has to come to the same bytes."""

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.doors.attempt import LIMIT, Finding, finish, run, start
from benchmarks.doors.project import OUTPUTS, copy, snapshot

RENAMES = 40  # of a stage at most


def try_kills(project: Path, work: Path, moments: int, stages: tuple[str, ...] = tuple(OUTPUTS)) -> Iterator[Finding]:
    """``moments`` random kills of each of ``stages``, every second where it has run before; then after each rename."""
    rng = random.Random(0)
    for stage in stages:
        seconds = _seconds(copy(project, work), stage)
        for number in range(moments):
            folder = _before(project, work, stage, has_run=number % 2 == 0)
            process, moment = start(folder, stage), rng.uniform(0, seconds)
            process.join(moment)
            process.kill()
            finish(folder, process)
            yield _recovery(project, folder, stage, f"killed after {moment:.2f} s of {seconds:.2f} s")
        for number in range(1, RENAMES if moments > 2 else 2):
            folder = _before(project, work, stage, has_run=True)
            ended = finish(folder, start(folder, stage, after_rename=number))
            if ended.code == 0:  # it has fewer renames
                break
            yield _recovery(project, folder, stage, f"killed after rename {number}")


def _seconds(folder: Path, stage: str) -> float:
    """How long a whole run takes, its start included."""
    run(folder, stage)
    started = time.monotonic()
    run(folder, stage)
    return time.monotonic() - started


def _before(project: Path, work: Path, stage: str, *, has_run: bool) -> Path:
    """A copy of ``project``, without the outputs of ``stage`` where it has not run."""
    folder = copy(project, work)
    for place in () if has_run else OUTPUTS[stage]:
        path = folder / place
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def _recovery(project: Path, folder: Path, stage: str, what: str) -> Finding:
    """What stands after the kill is whole, and the next run comes to the bytes of one that nobody killed."""
    undisturbed = snapshot(project)
    torn = [place for place in OUTPUTS[stage] if (found := snapshot(folder, place)) and found != snapshot(project, place)]
    ended = run(folder, stage, LIMIT)
    name = f"{stage}: {what}"
    if ended.code:
        return Finding(name, "broken", (ended.output.strip().splitlines() or [f"exit code {ended.code}"])[-1])
    after = snapshot(folder)
    others = sorted(file for file in {*after, *undisturbed} if after.get(file) != undisturbed.get(file))
    if others:
        return Finding(name, "other bytes", ", ".join(others))
    return Finding(name, "torn", f"before the next run: {', '.join(torn)}") if torn else Finding(name, "recovered")
