"""Full disks and read-only folders: mounts of a namespace of their own, in which the stage finds them as a user would.

Where the kernel allows no such namespace, nothing is tried.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.doors.attempt import LIMIT, LOG, Ended, Finding, classify
from benchmarks.doors.leftovers import TOP_K
from benchmarks.doors.project import OUTPUTS, copy, snapshot
from benchmarks.doors.signals import environment

NAMESPACE = ("unshare", "--map-root-user", "--mount")
# Every stage that writes, and the folders in which it does.
WRITERS: Mapping[str, tuple[str, ...]] = {
    **{stage: tuple(dict.fromkeys(str(Path(place).parent) for place in places)) for stage, places in OUTPUTS.items()},
    "teacher": ("data", ".nevermet"),
    "distill": ("models", "evaluation", ".nevermet"),
    f"fidelity {TOP_K}": ("evaluation",),
    "report": ("evaluation",),
}
_RESUMES = ("teacher", "distill")  # of these alone is it true that finished parts are kept
_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift 2 && exec "$@"'
# The folder's content on a disk of its own that has $2 KiB left, and back from there.
_FULL = """
here=$1 left=$2; shift 2
cp -a "$here" "$here.kept" && mount -t tmpfs -o size=1g tmpfs "$here" && cp -a "$here.kept/." "$here"
used=$(df -k --output=used "$here" | tail -1); mount -o remount,size=$((used + left > 4 ? used + left : 4))k "$here"
"$@"; code=$?
rm -rf "$here.kept"; cp -a "$here" "$here.kept"; umount "$here"; rm -rf "$here"; mv "$here.kept" "$here"
exit $code
"""


def can_mount() -> bool:
    """Whether a namespace for mounts is to be had here."""
    words = (*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    return bool(shutil.which("unshare")) and not subprocess.run(words, capture_output=True, check=False).returncode


def try_disks(project: Path, work: Path, stages: tuple[str, ...] = tuple(WRITERS)) -> Iterator[Finding]:
    """Each folder of each stage read-only, without a byte left, and with a few KiB left."""
    if not can_mount():
        yield Finding("disks", "not tried", "no namespace for mounts can be had here")
        return
    for stage in stages:
        for place in WRITERS[stage]:
            yield _try(project, work, stage, place, "read-only", _READ_ONLY, 0)
            yield _try(project, work, stage, place, "full", _FULL, 0)
            yield _try(project, work, stage, place, "with 8 KiB left", _FULL, 8)


def _try(project: Path, work: Path, stage: str, place: str, state: str, script: str, left: int) -> Finding:
    folder = copy(project, work)
    (folder / place).mkdir(exist_ok=True)
    before, (name, *arguments) = snapshot(folder), stage.split()
    command = (*NAMESPACE, "sh", "-c", script, "sh", str((folder / place).resolve()), str(left))
    try:
        done = subprocess.run(
            (*command, sys.executable, "-m", f"stages.{name}", *arguments),
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return Finding(f"{stage}: {place} is {state}", "hang")
    (folder / LOG).write_text(done.stdout, encoding="utf-8")
    kind, said = classify(Ended(done.returncode, done.stdout), (place,), snapshot(folder) != before)
    if kind == "silent" and left:
        kind = "taken"  # that was enough
    if kind == "told" and "are kept" in said and stage not in _RESUMES:
        kind = "untrue"
    # Known at once: no bar of the stage's work has been drawn. A few KiB may look like enough.
    if kind == "told" and not left and re.search(r"\d+%\|", done.stdout):
        kind = "late"
    return Finding(f"{stage}: {place} is {state}", kind, said)
