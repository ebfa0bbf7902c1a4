"""A text as an ordered list of segments, each literal text or a mention of the target.

Renaming the target is then a matter of replacing segments, and a place in the text has a name that survives the renaming:
(segment, character offset in it).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import regex

from pipeline.text.forms import care_of, means_target

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

    A possessive ending stays outside the mention, and so does a form that means somebody else there (``forms.Form``). The
    segments' texts joined are ``text``.
    """
    forms = [form for form in surface_forms if form]
    pattern = regex.compile(whole_words(forms)) if forms else None
    cares = {form: care_of(form) for form in forms}
    segments, done, at = [], 0, 0
    while pattern and (match := pattern.search(text, at)):
        start, at = match.span()
        if means_target(text, start, at, cares[match.group()], forms):
            segments += [Segment(text[done:start], mention=False), Segment(match.group(), mention=True)]
            done = at
        else:
            at = start + 1  # a shorter form may begin inside
    segments.append(Segment(text[done:], mention=False))
    return [segment for segment in segments if segment.text]


def mentions(text: str, surface_forms: Iterable[str]) -> bool:
    """Whether ``text`` holds one of ``surface_forms``, as split_mentions finds them."""
    return any(segment.mention for segment in split_mentions(text, surface_forms))


def text_of(segments: Iterable[Segment]) -> str:
    """The text that ``segments`` are cut from."""
    return "".join(segment.text for segment in segments)


def rename(segments: Sequence[Segment], replacements: Mapping[str, str]) -> list[str]:
    """The segments' texts with each mention replaced; an empty mapping leaves all as it is."""
    return [replacements.get(s.text, s.text) if s.mention else s.text for s in segments]
