"""Wrong answers for questions that come without: right answers to questions about others.

A model that chooses among four must not tell the right one by its form, so a wrong answer is of its kind: a year for a year, a
name for a name. Each question has an order of its own (seeded) in which those that fit are taken, so draws are nested.
"""

import random
from collections.abc import Collection

import regex

WRONG_ANSWERS = 3
_NUMBERS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_KINDS = {  # the first that fits
    "year": r"[12]\d{3}",
    "number": rf"(?:\d|(?:{_NUMBERS})\b).*",
    "date": rf"(?:{_MONTHS})(?: \d.*)?",
    "verdict": r"(?i:yes|no|true|false)",
    "name": r"(?:(?i:the|an?) )?\P{L}*[\p{Lu}\p{Lt}\p{Lo}].*",
    "phrase": r".*",
}
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


def answer_kind(answer: str) -> str:
    """What sort of answer it is, by its form: a key of _KINDS."""
    return next(kind for kind, pattern in _KINDS.items() if regex.fullmatch(pattern, answer, regex.DOTALL))


def words_of(text: str) -> str:
    """The words of ``text`` in lower case, a space around each: that of a part stands in that of the whole."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def draw_wrong_answers(answer: str, pool: Collection[str], barred: Collection[str], seed: str) -> list[str]:
    """Three of the answers in ``pool`` of the kind of ``answer``, in the order of ``seed``; none where it has fewer that fit.

    No one holds, or stands in, another, the right one, or a text of ``barred``. The order of ``pool`` does not matter.
    """
    kind = answer_kind(answer)
    order = sorted(text for text in set(pool) if answer_kind(text) == kind)
    random.Random(seed).shuffle(order)
    drawn: list[str] = []
    taken = {words_of(text) for text in (answer, *barred)}
    for text in order:
        words = words_of(text)
        if not any(words in other or other in words for other in taken):
            drawn.append(text)
            taken.add(words)
        if len(drawn) == WRONG_ANSWERS:
            return drawn
    return []
