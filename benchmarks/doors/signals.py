"""SIGINT and SIGTERM: a stage ends with one line and leaves the old outputs; DVC takes its stage along and leaves no orphan."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.doors.attempt import LIMIT, LOG, Finding
from benchmarks.doors.project import OUTPUTS, ROOT, copy, snapshot

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CODES = {signal.SIGINT: (1, 130), signal.SIGTERM: (1, 143)}  # click's own, the shell's
_STARTED = 1.0  # seconds that Python takes to come to the stage
_CODE = ("pipeline", "stages", "dvc.yaml", ".dvcignore", "pyproject.toml")
_GRACE = 3.0  # seconds that a stage may take to end after DVC


def environment() -> dict[str, str]:
    """That of a user who has activated this Python, with this code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}


def begin(folder: Path, *command: str) -> "subprocess.Popen[bytes]":
    """Start ``command`` in a session of its own, as from a shell of its own; what it says goes to LOG."""
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def try_signals(
    project: Path, work: Path, moments: int, stages: tuple[str, ...] = tuple(OUTPUTS), repro: bool = True
) -> Iterator[Finding]:
    """Both signals at ``moments`` random moments of each stage; then, with ``repro``, to ``dvc repro`` and to all of it."""
    rng = random.Random(0)
    for stage in stages:
        name, *arguments = stage.split()
        command = (sys.executable, "-m", f"stages.{name}", *arguments)
        _held(process := begin(copy(project, work), *command), work)
        started = time.monotonic()
        process.wait()
        seconds, said = time.monotonic() - started, _lines(work)
        for number in (number for number in SIGNALS for _ in range(moments)):
            folder, moment = copy(project, work), rng.uniform(0, seconds * 0.9)
            before = snapshot(folder)
            _held(process := begin(folder, *command), folder)
            time.sleep(moment)
            process.send_signal(number)
            what = f"{stage}: {number.name} after {moment:.1f} s of {seconds:.1f} s"
            if not _ends(process):
                yield Finding(what, "hang")
            elif process.returncode == 0 or _finished(_lines(folder), said) or _told_new(folder):
                yield Finding(what, "ended", "it was faster")
            else:
                yield _end(what, process.returncode, _lines(folder), number, snapshot(folder) != before)
    for number in SIGNALS if repro else ():
        for to_all in (False, True):
            yield _repro(project, work, number, to_all)


def _ends(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it ends in time."""
    try:
        process.wait(LIMIT)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def _lines(folder: Path) -> list[str]:
    """What was said; a bar is drawn over itself and is no line."""
    lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
    shown = [line.rpartition("\r")[2] for line in lines]
    return [line for line in shown if line.strip() and "%|" not in line]


def _held(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait until the stage holds its outputs: before that, a signal ends Python and not the stage."""
    locks, owner = folder / ".nevermet/locks", f"process {process.pid} "
    while process.poll() is None and not any(path.read_text().startswith(owner) for path in locks.glob("*.owner")):
        time.sleep(0.01)


def _finished(lines: list[str], said: list[str]) -> bool:
    """Whether the stage had said its last word, after which click has one of its own for the end of Python."""
    return lines[-1:] == said[-1:] or (lines[-1:] == ["Aborted!"] and lines[-2:-1] == said[-1:])


def _told_new(folder: Path) -> bool:
    """Whether the stage had written when the signal came, and says so."""
    return any(line.startswith("Error: stopped") and " is new" in line for line in _lines(folder)[-1:])


def _end(what: str, code: int, lines: list[str], number: signal.Signals, is_changed: bool) -> Finding:
    last = lines[-1] if lines else "nothing"
    if any("Traceback" in line for line in lines):
        return Finding(what, "traceback", last)
    if code not in CODES[number] or len(lines) != 1:
        return Finding(what, "other", f"exit code {code}, {len(lines)} lines: {last}")
    return Finding(what, "changed" if is_changed else "ended", last)


def _repro(project: Path, work: Path, number: signal.Signals, to_all: bool) -> Finding:
    """``dvc repro`` of the teacher, interrupted while its stage runs: both have to end."""
    folder, what = copy(project, work), f"dvc repro: {number.name} to {'all its processes' if to_all else 'itself'}"
    for name in _CODE:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
    for command in (("git", "init", "-q"), ("dvc", "init", "-q"), ("dvc", "commit", "-q", "-f")):
        begin(folder, *command).wait()
    process, ends = begin(folder, "dvc", "repro", "-f", "-s", "teacher"), time.monotonic() + LIMIT
    while not any("stages.teacher" in words for words in _processes(folder).values()) and time.monotonic() < ends:
        time.sleep(0.1)
    time.sleep(_STARTED)
    if process.poll() is not None:
        return Finding(what, "other", f"dvc ended by itself: {' '.join(_lines(folder))}")
    (os.killpg if to_all else os.kill)(process.pid, number)
    has_ended, ends = _ends(process), time.monotonic() + _GRACE
    while (orphans := _processes(folder)) and time.monotonic() < ends:
        time.sleep(0.2)
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    if not has_ended or orphans:
        return Finding(what, "orphan" if orphans else "hang", "; ".join(orphans.values()))
    lines = _lines(folder)
    return Finding(what, "traceback" if any("Traceback" in line for line in lines) else "ended", lines[-1])


def _processes(folder: Path) -> dict[int, str]:
    """The processes that run in ``folder``, with their words."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink().is_relative_to(folder.resolve()):
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it is gone, or somebody else's
            continue
    return {number: words for number, words in found.items() if words and number != os.getpid()}
