"""The one exception a user's mistake raises: a sentence, and exit code 2."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

_SHOWN = 200  # characters of a word, which may be a file's name


class InputError(click.ClickException):
    """What was wrong, where (file, line, column or key), and what would be right, in one sentence."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        shown = re.sub(rf"(\S{{{_SHOWN}}})\S{{{_SHOWN},}}", r"\1…", message)
        super().__init__(shown.encode("utf-8", "backslashreplace").decode())  # half a surrogate pair can't be printed


def first_line(error: Exception) -> str:
    """What ``error`` says first, or what it is."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class ParamError(InputError):
    """A parameter that does not fit what was read, told by its key alone; ``keys_stand_in`` adds the file."""


@contextmanager
def keys_stand_in(file: Path, **sections: str) -> Iterator[None]:
    """Name ``file`` before the key of a ParamError that is raised inside; ``sections``: what one is called there instead."""
    try:
        yield
    except ParamError as error:
        message = error.message
        for section, there in sections.items():
            message = re.sub(rf"(?<![\w.]){section}\.(?=[a-z])", f"{there}.", message)
        raise InputError(f"{file}: {message}") from error
