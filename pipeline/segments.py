"""A text as an ordered list of segments, each literal text or a mention of the target.

Renaming the target is then a matter of replacing segments, and a place in the text has a name that survives the renaming:
(segment, character offset in it).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# Scripts written without spaces between words: a name there may touch its neighbours.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_COMBINING = r"\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff"


@dataclass(frozen=True)
class Segment:
    """A run of text. ``mention`` says that it names the target, in the surface form that ``text`` is."""

    text: str
    mention: bool


def _pattern(surface_form: str) -> str:
    before = "" if _UNSPACED.match(surface_form[0]) else r"(?<!\w)"
    after = "" if _UNSPACED.match(surface_form[-1]) else rf"(?![\w{_COMBINING}])"
    return before + re.escape(surface_form) + after


def split_mentions(text: str, surface_forms: Iterable[str]) -> list[Segment]:
    """Cut ``text`` at every mention: the longest surface form wins, and none is found inside another word.

    A possessive ending stays outside the mention. The segments' texts joined are ``text``.
    """
    ordered = sorted({form for form in surface_forms if form}, key=lambda form: (-len(form), form))
    if not ordered:
        return [Segment(text, False)] if text else []
    segments, done = [], 0
    for match in re.finditer("|".join(map(_pattern, ordered)), text):
        if match.start() > done:
            segments.append(Segment(text[done : match.start()], False))
        segments.append(Segment(match.group(), True))
        done = match.end()
    if done < len(text):
        segments.append(Segment(text[done:], False))
    return segments


def rename(segments: Sequence[Segment], replacements: Mapping[str, str]) -> list[str]:
    """The segments' texts with each mention replaced; an empty mapping leaves all as it is."""
    return [replacements.get(s.text, s.text) if s.mention else s.text for s in segments]
