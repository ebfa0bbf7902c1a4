"""One try: a stage in a process of its own, with limits of time and memory, and what came of it.

The process is forked from a server that has imported the heavy libraries and done nothing with them, so that a try costs what
the stage does. It runs the stage as ``python -m stages.NAME`` would: its own folder, output, exit code, signals.
"""

import contextlib
import multiprocessing
import os
import resource
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pipeline.teacher import build

LOG = "output.txt"  # in the project's folder
LIMIT = 60.0  # seconds after which a stage hangs
MEMORY = 8 * 2**30  # bytes of addresses
BATCH_TOKENS = 400  # of the teacher, so that a tiny project has several parts and shards
LONGEST = 1500  # characters of a sentence that somebody reads
GOOD = ("told", "taken", "recovered", "ended")
_PRELOADED = [
    "torch",
    "transformers",
    "polars",
    "pyarrow.parquet",
    "sentencex",
    "pydantic",
    "transformers.models.llama.modeling_llama",
]
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(_PRELOADED)


@dataclass(frozen=True)
class Finding:
    """What came of a try: ``kind`` is a class of the table, ``said`` the words of the stage that show it."""

    what: str
    kind: str
    said: str = ""


@dataclass(frozen=True)
class Ended:
    """How a stage ended; ``code`` is None where it was stopped for the time it took, negative where a signal ended it."""

    code: int | None
    output: str


def start(project: Path, words: str, after_rename: int = 0, stop: bool = False) -> BaseProcess:
    """Start a stage (``words`` of its command: "evaluate base") in ``project``.

    After so many renames as ``after_rename`` says, if any, it is killed, or stopped (SIGSTOP) where ``stop`` says so.
    """
    process = _SERVER.Process(target=_run, args=(project, words.split(), after_rename, stop))
    process.start()
    return process


def finish(project: Path, process: BaseProcess, limit: float = LIMIT) -> Ended:
    """Wait for the end of a stage that runs in ``project``."""
    process.join(limit)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    return Ended(code, (project / LOG).read_text(encoding="utf-8", errors="replace"))


def run(project: Path, words: str, limit: float = LIMIT) -> Ended:
    """A whole stage."""
    return finish(project, start(project, words), limit)


def _run(project: Path, words: Sequence[str], after_rename: int, stop: bool) -> None:
    """In the new process."""
    os.chdir(project)
    stream = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    with contextlib.suppress(ValueError):  # a lower limit is there
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if after_rename:
        _end_after(after_rename, signal.SIGSTOP if stop else signal.SIGKILL)
    build.BATCH_TOKENS = BATCH_TOKENS
    name, *arguments = words
    sys.argv = [name, *arguments]
    runpy.run_module(name if "." in name else f"stages.{name}", run_name="__main__", alter_sys=True)


def _end_after(renames: int, number: signal.Signals) -> None:
    """Send this process a signal after so many renames: the moments at which a stage's outputs change."""
    done = 0

    def counted(rename: Any) -> Any:
        def and_then(*arguments: Any, **settings: Any) -> None:
            nonlocal done
            rename(*arguments, **settings)
            done += 1
            if done == renames:
                os.kill(os.getpid(), number)

        return and_then

    os.rename, os.replace = counted(os.rename), counted(os.replace)


def classify(ended: Ended, words: Sequence[str] | None, changed: bool = False) -> tuple[str, str]:
    """The class of a run, and what it said last. ``words`` are those that its message must hold; None: it has to succeed.

    ``changed``: earlier outputs are not what they were.
    """
    lines = [line.strip() for line in ended.output.replace("\r", "\n").split("\n") if line.strip()]
    if "Usage: " in ended.output:  # click lists choices below its sentence
        lines = lines[: 1 + next((n for n, line in enumerate(lines) if line.startswith("Error: ")), len(lines))]
    last = lines[-1] if lines else ""
    if ended.code is None:
        return "hang", last
    if "Traceback (most recent call last)" in ended.output:
        return "traceback", last
    if ended.code == 0:
        return ("taken" if words is None else "silent"), last
    if ended.code != 2 or not last.startswith("Error: "):
        return "other", f"exit code {ended.code}: {last}"
    if words is None:
        return "refused", last
    if changed:
        return "changed", last
    missing = [word for word in words if word not in last]
    return ("vague", f"{last[:LONGEST]} (without {', '.join(missing)})") if missing or len(last) > LONGEST else ("told", last)


def counts(findings: Sequence[Finding]) -> Mapping[str, int]:
    """How many of each class, the good ones first."""
    kinds = [finding.kind for finding in findings]
    order = [*GOOD, *sorted(set(kinds) - set(GOOD))]
    return {kind: kinds.count(kind) for kind in order if kind in kinds}
