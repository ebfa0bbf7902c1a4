"""Outputs appear whole or not at all: write beside the place, then rename.

A full disk is the user's to mend, so it is an InputError, and what stood there before still stands.
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

WORK = ".obliviate"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def _error_number(error: Exception) -> int:
    """The system's error number of ``error``, 0 where it has none; safetensors gives it only in its text."""
    if isinstance(error, OSError):
        return error.errno or 0
    told = re.search(r"\(os error (\d+)\)", str(error))
    return int(told.group(1)) if told else 0


def work_folder() -> Path:
    """The git-ignored folder for what outlives a stage: downloads, scores, unfinished shards.

    A queued DVC experiment runs in a copy of the project below .dvc/tmp/exps; it shares the folder of the project itself.
    """
    here = Path.cwd()
    for folder in here.parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2] / WORK
    return Path(WORK)


@contextmanager
def room_on_disk(path: Path) -> Iterator[None]:
    """Turn "no space left" while writing ``path`` into one sentence. Other errors pass."""
    try:
        yield
    except Exception as error:
        number = _error_number(error)
        if number not in _NO_ROOM:
            raise
        raise InputError(
            f"{path}: no room to write it ({os.strerror(number)}); free some disk space and run the stage again, "
            "finished parts are kept."
        ) from None


@contextmanager
def published_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``target``; put it in ``target``'s place when the block ends well.

    When the block raises, the new folder is removed and the old one stays.
    """
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        with room_on_disk(target):
            yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    replace_folder(fresh, target)


def replace_folder(fresh: Path, target: Path) -> None:
    """Rename ``fresh`` to ``target``, whatever stood there; both on one file system."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a place beside ``path`` to write a file to; it takes the place of ``path`` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    try:
        with room_on_disk(path):
            yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
