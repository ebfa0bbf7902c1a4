"""Tokens for a person to read, one by one, in columns that keep their width.

A byte-level tokenizer cuts a rare character (most Chinese ones, say) over several tokens, none of which is text by itself.
"""

from collections.abc import Sequence
from functools import cache
from unicodedata import combining, east_asian_width

import regex

from pipeline.text.tokenizer import Tokenizer

PART = "⋯"  # of a character
_BROKEN = "\ufffd"
_LONGEST = 4  # bytes of a character in UTF-8, so tokens too


def spelled(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """What each of ``ids`` stands for in their text, as Python writes it.

    Of several tokens that make one character each has the character and which part it is ("'诗' 1/2").
    """
    shown: list[str] = []
    while len(shown) < len(ids):
        rest = ids[len(shown) :]
        texts = [str(tokenizer.decode(list(rest[:count]))) for count in range(1, min(_LONGEST, len(rest)) + 1)]
        count = next((count for count, text in enumerate(texts, 1) if _BROKEN not in text), 0)
        if count > 1:
            shown += [f"{texts[count - 1]!r} {part}/{count}" for part in range(1, count + 1)]
        else:
            shown.append(readable(tokenizer, rest[0]))
    return shown


def readable(tokenizer: Tokenizer, token: int) -> str:
    """``token`` by itself, as Python writes its text; of a part of a character its bytes ("E8 AF ⋯")."""
    text = token_text(tokenizer, token)
    return text if text.endswith(PART) else repr(text)


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """The same as it stands, without quotes."""
    text = str(tokenizer.decode([token]))
    if _BROKEN not in text:
        return text
    piece = str(tokenizer.convert_ids_to_tokens(token))
    if written := regex.fullmatch(r"<0x([0-9A-F]{2})>", piece):
        return f"{written[1]} {PART}"
    values = [_bytes().get(character) for character in piece]
    return " ".join(f"{value:02X}" for value in values if value is not None) + f" {PART}" if None not in values else text


@cache
def _bytes() -> dict[str, int]:
    """The byte that each letter of a byte-level vocabulary stands for."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}


def columns(text: str) -> int:
    """How many columns of a terminal ``text`` takes: two for a wide character, none for an accent that combines."""
    return sum(0 if combining(character) else 1 + (east_asian_width(character) in "WF") for character in text)


def right(text: str, width: int) -> str:
    """``text`` at the right end of ``width`` columns, or as it is where it is wider."""
    return " " * (width - columns(text)) + text
