"""The user's text files, whose two faults (missing, not UTF-8) are told alike everywhere."""

from pathlib import Path

from pipeline.errors import InputError


def read_text(path: Path, what: str) -> str:
    """The text of ``path``. Raises InputError when it is missing (``what`` says what to write into it) or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path} is missing; write {what}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8.") from None
