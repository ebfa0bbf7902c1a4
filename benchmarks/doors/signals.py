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

from benchmarks.doors.attempt import LIMIT, Finding
from benchmarks.doors.project import OUTPUTS, ROOT, copy, snapshot

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CODES = {signal.SIGINT: (1, 130), signal.SIGTERM: (1, 143)}  # click's own, the shell's
_STARTED = 1.0  # seconds that Python takes to come to the stage
_CODE = ("pipeline", "stages", "dvc.yaml", ".dvcignore", "pyproject.toml")
_GRACE = 10.0


def environment() -> dict[str, str]:
    """That of a user who has activated this Python, with this code."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}


def begin(folder: Path, *command: str) -> "subprocess.Popen[str]":
    """Start ``command`` in a session of its own, as from a shell of its own."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def try_signals(project: Path, work: Path, moments: int, stages: tuple[str, ...] = tuple(OUTPUTS)) -> Iterator[Finding]:
    """Both signals at ``moments`` random moments of each stage, and of ``dvc repro``: to DVC alone, and to all as a terminal."""
    rng = random.Random(0)
    for stage in stages:
        name, *arguments = stage.split()
        command = (sys.executable, "-m", f"stages.{name}", *arguments)
        started = time.monotonic()
        begin(copy(project, work), *command).communicate()
        seconds = time.monotonic() - started
        for number in (number for number in SIGNALS for _ in range(moments)):
            folder = copy(project, work)
            before, moment = snapshot(folder), rng.uniform(min(_STARTED, seconds / 2), seconds * 0.95)
            process = begin(folder, *command)
            time.sleep(moment)
            process.send_signal(number)
            output = _output(process)
            is_changed = snapshot(folder) != before
            yield _end(
                f"{stage}: {number.name} after {moment:.1f} s of {seconds:.1f} s",
                process.returncode,
                output,
                number,
                is_changed,
            )
    for number in SIGNALS:
        for to_all in (False, True):
            yield _repro(project, work, number, to_all)


def _output(process: "subprocess.Popen[str]") -> str | None:
    """All that it says until it ends; None where it does not."""
    try:
        return process.communicate(timeout=LIMIT)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None


def _end(what: str, code: int, output: str | None, number: signal.Signals, is_changed: bool) -> Finding:
    if output is None:
        return Finding(what, "hang")
    # A bar is drawn over itself and is no line.
    lines = [line.rpartition("\r")[2] for line in output.split("\n") if line.strip() and "%|" not in line.rpartition("\r")[2]]
    last = lines[-1] if lines else "nothing"
    if code == 0:
        return Finding(what, "ended")  # it was faster
    if "Traceback" in output:
        return Finding(what, "traceback", last)
    if code not in CODES[number] or len(lines) != 1:
        return Finding(what, "other", f"exit code {code}, {len(lines)} lines: {last}")
    return Finding(what, "changed", last) if is_changed else Finding(what, "ended", last)


def _repro(project: Path, work: Path, number: signal.Signals, to_all: bool) -> Finding:
    """``dvc repro`` of the teacher, interrupted while its stage runs."""
    folder = copy(project, work)
    for name in _CODE:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
    for command in (("git", "init", "-q"), ("dvc", "init", "-q"), ("dvc", "commit", "-q", "-f")):
        begin(folder, *command).communicate()
    what = f"dvc repro: {number.name} to {'all its processes' if to_all else 'itself'}"
    process = begin(folder, "dvc", "repro", "-f", "-s", "teacher")
    ends = time.monotonic() + LIMIT
    while not any("stages.teacher" in words for words in _processes(folder).values()) and time.monotonic() < ends:
        time.sleep(0.1)
    time.sleep(2 * _STARTED)
    if process.poll() is not None:
        return Finding(what, "other", f"dvc ended by itself: {process.communicate()[0].strip()}")
    (os.killpg if to_all else os.kill)(process.pid, number)
    output = _output(process)
    ends = time.monotonic() + _GRACE
    while (orphans := _processes(folder)) and time.monotonic() < ends:
        time.sleep(0.2)
    for orphan in orphans:
        os.kill(orphan, signal.SIGKILL)
    if output is None or orphans:
        return Finding(what, "hang" if output is None else "orphan", "; ".join(orphans.values()))
    return Finding(
        what, "traceback" if "Traceback" in output else "ended", output.strip().splitlines()[-1] if output.strip() else ""
    )


def _processes(folder: Path) -> dict[int, str]:
    """The processes that run in ``folder``, with their words."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(path / "cwd")).is_relative_to(folder.resolve()):
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it is gone, or somebody else's
            continue
    return {number: words for number, words in found.items() if words and number != os.getpid()}
