"""How much of the right answer a response gives away, by its names, numbers and other content words.

The right answer is cut to units: a name (capitalised words in a row, "of the" between them allowed) is one, each number is one
and each other word that carries a fact is one; what the question says already is none. A unit is given away when the response
has it: a number only exactly; a name when the response has all of it, or a name that is part of it and ends as it does ("the
Beagle" for HMS Beagle) or holds it ("Apple Computer" for Apple), so that the Royal Society is not half the Royal Mint.
A share of all units makes the rating: a third is a part, all but a seventh is the whole.

What a response denies does not count: from a negation to the end of its clause nothing is looked at ("was not from Austria").

Limits: a synonym or a description is not seen ("wrote plays" for dramatist), so right answers in other words are rated too low,
most of all where the answer is a sentence; a word of the answer counts wherever it stands ("worked in Paris" for "born in
Paris"), so some wrong answers are rated too high; what only repeats the target's own names is never a leak.
"""

from collections.abc import Iterable, Sequence

import regex

from pipeline.judges.words import Word, Words, same_term

PART = 1 / 3  # share of the units
WHOLE = 0.85
BEGINNING = 0.5  # of a name that the response has only in part, and not to its end
_JOINS = frozenset({"of", "the", "by", "for", "in", "on", "de", "du", "la", "von", "van"})
_DENIED = regex.compile(
    r"\b(?:not(?! only| just| merely)|never|neither|nor|\w+n['’]t)\b.*?(?=[.,;:!?\n]|\bbut\b|\brather\b|\binstead\b|$)",
    regex.IGNORECASE,
)


def leak_rating(words: Words, question: str, answer: str, response: str) -> int:
    """0, 1 or 2 as the rubric leak says."""
    asserted = _DENIED.sub(" ; ", response)
    given = [words.terms(unit) for unit in names(words, asserted)]
    terms = words.terms(asserted)
    units = answer_units(words, question, answer)
    if not units:  # all of it stands in the question, as in "Was he taller or shorter?"
        units = [[term] for term in sorted(words.terms(answer))]
        terms = terms if all(_has(terms, unit[0]) for unit in units) else set()
    if not units:  # yes and no, and other answers of stop words alone
        plain = [word.text.casefold() for word in words.cut(answer)]
        return 2 if plain and [word.text.casefold() for word in words.cut(response)][: len(plain)] == plain else 0
    share = sum(_given_away(unit, terms, given) for unit in units) / len(units)
    return 2 if share >= WHOLE else 1 if share >= PART else 0


def answer_units(words: Words, question: str, answer: str) -> list[list[str]]:
    """The terms of each unit of ``answer`` that ``question`` does not say already."""
    asked = words.terms(question)
    runs = _runs(words.cut(answer), answer)
    units = [[word.term for word in run if word.term and not _has(asked, word.term)] for run in runs]
    return [unit for unit in units if unit]


def names(words: Words, text: str) -> list[str]:
    """The names in ``text``: words with a capital in a row, and runs of a script without capitals or spaces."""
    return [text[run[0].start : run[-1].end] for run in _runs(words.cut(text), text) if run[0].capital]


def _runs(cut: Sequence[Word], text: str) -> list[list[Word]]:
    """The words of names together, each other word that is no stop word alone."""
    runs: list[list[Word]] = []
    waiting: list[Word] = []  # small words after a name, which belong to it if it goes on
    for word in cut:
        is_name = bool(word.term) and word.capital
        previous = waiting[-1] if waiting else runs[-1][-1] if runs else None
        touches = previous is not None and not text[previous.end : word.start].strip(" .-&'’")
        in_name = bool(runs) and runs[-1][0].capital and touches
        if is_name and in_name:
            runs[-1] += [*waiting, word]
            waiting = []
        elif in_name and word.text in _JOINS:
            waiting.append(word)
        else:
            waiting = []
            if word.term:
                runs.append([word])
    return runs


def _has(terms: Iterable[str], term: str) -> bool:
    return any(same_term(term, other) for other in terms)


def _given_away(unit: Sequence[str], terms: set[str], given: Sequence[set[str]]) -> float:
    """1 when the response has the unit, BEGINNING when it has a beginning of it as a name of its own, else 0."""
    if all(_has(terms, term) for term in unit):
        return 1.0
    parts = [name for name in given if name and all(_has(unit, term) for term in name)]
    if any(_has(name, unit[-1]) for name in parts):
        return 1.0
    return BEGINNING if parts else 0.0
