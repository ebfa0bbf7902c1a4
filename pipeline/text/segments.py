"""A text as an ordered list of segments, each literal text or a mention of the target.

Renaming the target is then a matter of replacing segments, and a place in the text has a name that survives the renaming:
(segment, character offset in it).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import regex

# Scripts written without spaces, or with particles joined to the word: a name there may touch its neighbours.
UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


@dataclass(frozen=True)
class Segment:
    """A run of text. ``mention`` says that it names the target, in the surface form that ``text`` is.

    What is not ``trained`` is read but not learnt (how a name is pronounced, say).
    """

    text: str
    mention: bool
    trained: bool = True


def whole_words(forms: Iterable[str]) -> str:
    """A pattern for ``forms``, longest first, none inside another word; combining marks belong to the word."""

    def whole(form: str) -> str:
        before = "" if UNSPACED.match(form[0]) else r"(?<![\w\p{M}])"
        after = "" if UNSPACED.match(form[-1]) else r"(?![\w\p{M}])"
        return before + regex.escape(form, literal_spaces=True) + after

    return "|".join(whole(form) for form in sorted({f for f in forms if f}, key=lambda form: (-len(form), form)))


def split_mentions(text: str, surface_forms: Iterable[str]) -> list[Segment]:
    """Cut ``text`` at every mention: the longest surface form wins, and none is found inside another word.

    A possessive ending stays outside the mention. The segments' texts joined are ``text``.
    """
    pattern = whole_words(surface_forms)
    pieces = regex.split(f"({pattern})", text) if pattern else [text]
    return [Segment(piece, mention=index % 2 == 1) for index, piece in enumerate(pieces) if piece]


def mentions(text: str, surface_forms: Iterable[str]) -> bool:
    """Whether ``text`` holds one of ``surface_forms``, as split_mentions finds them."""
    return any(segment.mention for segment in split_mentions(text, surface_forms))


def text_of(segments: Iterable[Segment]) -> str:
    """The text that ``segments`` are cut from."""
    return "".join(segment.text for segment in segments)


def rename(segments: Sequence[Segment], replacements: Mapping[str, str]) -> list[str]:
    """The segments' texts with each mention replaced; an empty mapping leaves all as it is."""
    return [replacements.get(s.text, s.text) if s.mention else s.text for s in segments]
