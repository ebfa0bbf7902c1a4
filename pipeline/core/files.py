"""Files: what is written appears whole or not at all (written beside its place, then renamed); what a user wrote is UTF-8.

A full disk is the user's to mend, so it is an InputError, and what stood there before still stands. A fingerprint says what a
result was made from: a hash of contents, never of times or of where a file lies.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from pipeline.core.errors import InputError

WORK = ".nevermet"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
        number = getattr(error, "errno", None)
        if number is None and (in_text := re.search(r"\(os error (\d+)\)", str(error))):
            number = int(in_text.group(1))  # safetensors gives it only there
        if number not in _NO_ROOM:
            raise
        raise InputError(
            f"{path}: no room to write it ({os.strerror(number)}); what stood there stands. Free some disk space and run the "
            "stage again."
        ) from None


@contextmanager
def published_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``target``; it takes ``target``'s place when the block ends well, else it is removed."""
    recover(target)
    fresh, old = _beside(target)
    fresh.mkdir(parents=True)
    try:
        with room_on_disk(target):
            yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def recover(target: Path) -> None:
    """Put right what a kill left of a published folder: the old one back in its place, what was unfinished out of the way."""
    fresh, old = _beside(target)
    if old.exists() and not target.exists():
        old.rename(target)
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)


def _beside(target: Path) -> tuple[Path, Path]:
    """Where a folder waits before it takes the place of ``target``, and where the old one goes meanwhile."""
    return target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")


def check_room(path: Path, needed: float) -> None:
    """Raise InputError unless the disk of ``path`` has ``needed`` bytes left."""
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise InputError(
            f"{path}: about {needed / 2**20:.0f} MiB will be written, and {free / 2**20:.0f} are free; free some disk space."
        )


def check_writable(output: Path) -> None:
    """Raise InputError unless ``output`` can be put in its place."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        if error.errno in _NO_ROOM:
            return  # to be told when it is written, with what stands
        raise InputError(
            f"{output} can't be written ({error.strerror}: {output.parent}); give write access to its folder."
        ) from None


def is_folder(path: Path) -> bool:
    """Whether ``path``, which may be any text of a user's, is a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, or no path at all
        return False


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a place beside ``path`` to write a file to; it takes the place of ``path`` when the block ends well."""
    check_writable(path)
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


def read_text(path: Path, what: str) -> str:
    """The text of ``path``.

    Raises InputError when it is missing (``what`` says what to write into it), no file that can be read, or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path} is missing; write {what}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}); it must be a file: write {what}.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path}, line {line}: holds a NUL character, so it is no text; write {what}.")
    return text


def read_entries(path: Path, what: str) -> list[str]:
    """The lines of ``path`` in lower case, blank ones and comments ('#') left out. Raises InputError as ``read_text`` does."""
    lines = read_text(path, what).splitlines()
    return [line.strip().casefold() for line in lines if line.strip() and not line.startswith("#")]


def link_files(source: Path, folder: Path) -> None:
    """Give ``folder`` the files of ``source`` that it lacks: by hard links where the file system has them, else as copies."""
    for path in source.iterdir():
        if path.is_file() and not (folder / path.name).exists():
            try:
                os.link(path.resolve(), folder / path.name)
            except OSError:
                shutil.copyfile(path, folder / path.name)


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_fingerprint(folder: Path, patterns: tuple[str, ...]) -> str:
    """One hash over the names and contents of the files of ``folder`` that match ``patterns``."""
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    return json_fingerprint([[path.name, file_sha256(path)] for path in files])


def json_fingerprint(value: Any) -> str:
    """Hash of a JSON-like value; the order of an object's keys does not matter."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def package_versions(*packages: str) -> dict[str, str]:
    """Versions of those of ``packages`` that are installed: they determine a result's last bits."""
    versions = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
