"""A stage's hold on what it writes, from its first second to its last: one run at a time, on a disk that takes it.

What would else come out after hours is told at once: another run of the stage, a folder that can't be written. A signal ends
the stage with one line, and what a kill left between two renames is put right before anything reads it.
"""

import ctypes
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from pipeline.core.errors import InputError
from pipeline.core.files import check_room, check_writable, recover, work_folder, write_text

_PR_SET_PDEATHSIG = 1
_LEAST = 2**20  # bytes that any stage writes, about


class Stopped(click.ClickException):
    """A stage that a signal ended."""

    def __init__(self, number: int, is_new: dict[Path, bool]) -> None:
        left = " and ".join(f"{output} {'is new' if new else 'as before'}" for output, new in is_new.items())
        go_on = "" if all(is_new.values()) else ", run the same again to go on"
        super().__init__(f"stopped by {signal.Signals(number).name}; {left}{go_on}.")
        self.exit_code = 128 + number  # type: ignore[misc]  # as shells have it


class _Signal(BaseException):
    """A signal's number. No library takes it for an error of its own, and Python ends by no signal after it.

    After a KeyboardInterrupt in code that was made of a text (a dataclass's, say) it does, whoever caught that.
    """


@contextmanager
def hold(*outputs: Path) -> Iterator[None]:
    """Hold ``outputs``, files or folders, while the block makes them; also a decorator of a stage's command.

    Raises InputError when another run holds one, or when one can't be written; SIGTERM and SIGINT end the block with Stopped.
    """
    for output in outputs:
        check_writable(output)
        check_room(output, _LEAST)
    check_writable(work_folder() / "locks")
    with ExitStack() as locks, _signals_told(outputs):
        for output in outputs:
            locks.enter_context(locked(output))
            recover(output)
        yield


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keep other runs from ``output``; the system frees the lock of a process that dies. Raises InputError when one has it."""
    from filelock import FileLock, Timeout

    place = hashlib.sha256(str(output.absolute()).encode()).hexdigest()[:8]
    path = work_folder() / "locks" / f"{output.name}-{place}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.with_suffix(".owner")
    try:
        with FileLock(path, timeout=0):
            write_text(owner, f"process {os.getpid()} ({' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:80]})")
            yield
    except Timeout:
        whose = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
        raise InputError(f"{output} is being made by {whose}; wait for it, or stop it.") from None


@contextmanager
def _signals_told(outputs: tuple[Path, ...]) -> Iterator[None]:
    """Turn SIGTERM and SIGINT into Stopped; under DVC, the end of DVC is a SIGTERM too, so that nothing runs on alone."""

    def stop(number: int, _frame: object) -> None:
        raise _Signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if "DVC_STAGE" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    handlers = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    before = {output: _identity(output) for output in outputs}
    try:
        yield
    except _Signal as received:
        for number in handlers:
            signal.signal(number, signal.SIG_IGN)
        for output in outputs:
            recover(output)
        is_new = {output: _identity(output) != identity for output, identity in before.items()}
        raise Stopped(received.args[0], is_new) from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _identity(output: Path) -> int | None:
    """What another file or folder in its place would not have: both are written beside it and renamed."""
    return output.stat().st_ino if output.exists() else None
