"""Two runs of one stage at once: the second is told whose lock it meets, and the first ends as if it had been alone."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.doors.attempt import Finding, classify, finish, run, start
from benchmarks.doors.project import OUTPUTS, copy, snapshot


def try_locks(project: Path, work: Path, stages: tuple[str, ...] = tuple(OUTPUTS)) -> Iterator[Finding]:
    """The first run stops at its first rename, where it has written and not published, until the second has ended."""
    for stage in stages:
        folder = copy(project, work)
        first = start(folder, stage, after_rename=1, stop=True)
        if not _is_stopped(first.pid or 0):
            yield Finding(f"{stage}: two at once", "other", "the first run has no rename")
            continue
        kind, said = classify(run(folder, stage), (str(first.pid),))
        yield Finding(f"{stage}: the second of two at once", kind, said)
        os.kill(first.pid or 0, signal.SIGCONT)
        ended = finish(folder, first)
        is_same = ended.code == 0 and snapshot(folder) == snapshot(project)
        said = "" if is_same else (ended.output.strip().splitlines() or ["other bytes"])[-1]
        yield Finding(f"{stage}: the first of two at once", "recovered" if is_same else "broken", said)


def _is_stopped(number: int, limit: float = 60.0) -> bool:
    """Wait until the process is stopped; False where it ends before."""
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        try:
            state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        if state in "TZ":
            return state == "T"
        time.sleep(0.02)
    return False
