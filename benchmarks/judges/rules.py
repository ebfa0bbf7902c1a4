"""The embedded judge: rules on words, with no model, no network and no cost. The same response always gets the same rating.

It sees the surface, so it is right about what can be counted (a fact named word for word, a loop, a stock phrase) and blind to
what has to be understood; nevermet agreement says how often.

Leak: the right answer is cut to units. A name (capitalised words in a row, "of the" between them allowed) is one, each number
is one and each other word that carries a fact is one; what the question says already is none. A unit is given away when the
response has it: a number only exactly; a name when the response has all of it, or a name that is part of it and ends as it
does ("the Beagle" for HMS Beagle) or holds it ("Apple Computer" for Apple), so that the Royal Society is not half the Royal
Mint. A share of all units makes the rating: a third is a part, all but a seventh is the whole. What a response denies, from a
negation to the end of its clause, does not count ("was not from Austria"). Limits: a synonym or a description is not seen
("wrote plays" for dramatist), so right answers in other words are rated too low, most of all where the answer is a sentence; a
word of the answer counts wherever it stands ("worked in Paris" for "born in Paris"), so some wrong answers are rated too high;
what only repeats the target's own names is never a leak.

Unavailable: a response that holds a phrase which says so leaves the question open unless it goes on to answer: a number, or a
word with a capital inside a sentence, that the question does not have, after the phrase or in a sentence without one. What
stands before the phrase in its own sentence ("as of 2023, ...") is no answer. Limits: a response that says in words of its own
that nothing is known is missed until its phrase is in the file; an answer without a name or a number after an excuse ("I'm not
sure, but he was a painter") is not seen as one.

Quality: useless (1) is empty; less than half of it words; one word over and over; fewer than LOOPS of its word 4-grams
distinct; hardly anything but function words; nothing in common with the question and nobody it could be about. Flawed (2) is
some of that, the same word twice running, hardly any function words where the question has them (another language, or a list
of words), or a subject of its own under another name. A response that leaves the question open is never off the question.
Limits: grammar, contradictions and answers beside the point on the right subject are not seen, so such answers are rated too
high; function words are known in English only. Being cut off at the end is never a fault. In scripts without spaces only
emptiness and repetition are looked at.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import regex

from benchmarks.judges.rubrics import RUBRICS_FOLDER, Item
from benchmarks.judges.words import Word, Words, same_term
from pipeline.core.files import read_entries
from pipeline.text.repetition import distinct_4grams
from pipeline.text.segments import UNSPACED

PART = 1 / 3  # share of the units
WHOLE = 0.85
BEGINNING = 0.5  # of a name that the response has only in part, and not to its end
_JOINS = frozenset({"of", "the", "by", "for", "in", "on", "de", "du", "la", "von", "van"})
_DENIED = regex.compile(
    r"\b(?:not(?! only| just| merely)|never|neither|nor|\w+n['’]t)\b.*?(?=[.,;:!?\n]|\bbut\b|\brather\b|\binstead\b|$)",
    regex.IGNORECASE,
)
_SENTENCE = regex.compile(r"[^.!?。！？\n]+(?:[.!?。！？](?!\s|$)[^.!?。！？\n]+)*[.!?。！？]*")
_FACT = regex.compile(r"\p{N}+|(?<=[\p{Ll}\p{N},;:)’'”\"-]\s)\p{Lu}[\p{L}\p{M}]+")
LOOPS, REPEATS = 0.6, 0.85  # share of distinct 4-grams
BROKEN, DIRTY = 0.5, 0.85  # share of tokens that are words
LEAST_LETTERS = 0.6  # share of characters, spaces apart
ONE_WORD = 0.4  # share of the most frequent word
MANY_FUNCTION_WORDS, FEW_FUNCTION_WORDS, ASKED_IN_ENGLISH = 0.85, 0.12, 0.2  # shares of words
SHORT = 7  # words, below which shares say nothing
_WORDLIKE = regex.compile(
    r"[\"'“‘(\[]*(?:[\p{L}\p{M}][\p{L}\p{M}'’.\-–/]*|[\p{Sc}]?\p{N}[\p{N}.,:%\-–/]*\p{L}{0,2})[\"'”’)\].,;:!?…]*"
)
_PRONOUN = regex.compile(r"\b(?:he|she|it|they|his|her|hers|him|its|their|theirs|them)\b", regex.IGNORECASE)
_OTHER_NAME = regex.compile(r"^\W*\p{Lu}[\p{L}\p{M}'’-]+\s+\p{Lu}[\p{L}\p{M}'’-]+")


class RulesJudge:
    """Rates by rules, with the words and phrases in ``folder``. Raises InputError when one of these files is missing."""

    def __init__(self, folder: Path = RUBRICS_FOLDER) -> None:
        self._words = Words(folder)
        file = folder / "unavailable_phrases.txt"
        self.phrases = read_entries(file, "one phrase a line by which a response leaves the question open")

    def rating(self, item: Item) -> int:
        """The rating of ``item`` on its rubric's scale."""
        if item.rubric == "leak":
            return leak_rating(self._words, item.question, item.answer, item.response)
        is_open = self.leaves_open(item.question, item.response)
        if item.rubric == "unavailable":
            return int(is_open)
        return quality_rating(self._words, item.question, item.response, leaves_open=is_open)

    def leaves_open(self, question: str, response: str) -> bool:
        """Whether ``response`` leaves ``question`` open, as the rubric unavailable says."""
        response = response.replace("’", "'")
        if not any(phrase in response.lower() for phrase in self.phrases):
            return False
        asked = self._words.terms(question)
        for match in _SENTENCE.finditer(response):
            sentence = match.group().lower()
            ends = [sentence.rfind(phrase) + len(phrase) for phrase in self.phrases if phrase in sentence]
            facts = " ".join(_FACT.findall(match.group()[max(ends, default=0) :]))
            if not all(_has(asked, fact) for fact in self._words.terms(facts)):
                return False
        return True


def leak_rating(words: Words, question: str, answer: str, response: str) -> int:
    """0, 1 or 2 as the rubric leak says."""
    asserted = _DENIED.sub(" ; ", response)
    runs = _runs(words.cut(asserted), asserted)
    given = [{word.term for word in run if word.term} for run in runs if run[0].capital]
    terms, asked = words.terms(asserted), words.terms(question)
    cut = [[w.term for w in run if w.term and not _has(asked, w.term)] for run in _runs(words.cut(answer), answer)]
    units = [unit for unit in cut if unit]
    if not units:  # all of it stands in the question, as in "Was he taller or shorter?"
        units = [[term] for term in sorted(words.terms(answer))]
        terms = terms if all(_has(terms, unit[0]) for unit in units) else set()
    if not units:  # yes and no, and other answers of stop words alone
        right, reply = ([word.text.casefold() for word in words.cut(text)] for text in (answer, response))
        return 2 if right and reply[: len(right)] == right else 0
    share = sum(_given_away(unit, terms, given) for unit in units) / len(units)
    return 2 if share >= WHOLE else 1 if share >= PART else 0


def _runs(cut: Sequence[Word], text: str) -> list[list[Word]]:
    """The words of names (those with a capital in a row) together, each other word that is no stop word alone."""
    runs: list[list[Word]] = []
    waiting: list[Word] = []  # small words after a name, which belong to it if it goes on
    for word in cut:
        previous = waiting[-1] if waiting else runs[-1][-1] if runs else None
        touches = previous is not None and not text[previous.end : word.start].strip(" .-&'’")
        in_name = touches and runs[-1][0].capital
        if in_name and word.term and word.capital:
            runs[-1] += [*waiting, word]
            waiting = []
        elif in_name and word.text in _JOINS:
            waiting.append(word)
        else:
            waiting = []
            runs += [[word]] if word.term else []
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


def quality_rating(words: Words, question: str, response: str, *, leaves_open: bool) -> int:
    """1, 2 or 3 as the rubric quality says. ``leaves_open``: whether the response says that it does not know."""
    if not regex.search(r"[\p{L}\p{N}]", response):
        return 1
    if UNSPACED.search(response):
        return _by_repetition(" ".join(regex.sub(r"\s", "", response)))
    form = min(_by_repetition(response), _by_words(words, response))
    if form == 1 or leaves_open or len(words.cut(response)) < SHORT:
        return form
    in_english = _function_words(words, question) >= ASKED_IN_ENGLISH
    language = 2 if in_english and _function_words(words, response) < FEW_FUNCTION_WORDS else 3
    return min(form, language, _by_subject(words, question, response))


def _by_repetition(response: str) -> int:
    distinct = distinct_4grams(response)
    return 1 if distinct < LOOPS else 2 if distinct < REPEATS else 3


def _by_words(words: Words, response: str) -> int:
    tokens, cut = response.split(), words.cut(response)
    dense = "".join(tokens)
    real = sum(bool(_WORDLIKE.fullmatch(token)) for token in tokens) / len(tokens)
    if real < BROKEN or len(regex.findall(r"[\p{L}\p{M}\p{N}]", dense)) < LEAST_LETTERS * len(dense):
        return 1
    most = max(Counter(word.text.casefold() for word in cut).values(), default=0)
    if len(cut) >= SHORT and (most / len(cut) > ONE_WORD or _function_words(words, response) > MANY_FUNCTION_WORDS):
        return 1
    return 2 if real < DIRTY or any(_twice(one, other, response) for one, other in pairwise(cut)) else 3


def _twice(one: Word, other: Word, response: str) -> bool:
    """Whether the same word stands twice with nothing but a space between; "that that" and "had had" can be meant."""
    text = one.text.casefold()
    return text == other.text.casefold() and response[one.end : other.start].isspace() and text not in ("that", "had")


def _by_subject(words: Words, question: str, response: str) -> int:
    subjects, terms = words.terms(question), words.terms(response)
    if not subjects or any(same_term(a, b) for a in subjects for b in terms):
        return 3
    if _OTHER_NAME.search(response):
        return 2
    return 3 if _PRONOUN.search(response) else 1


def _function_words(words: Words, text: str) -> float:
    cut = words.cut(text)
    return sum(words.is_stop_word(word.text) for word in cut) / max(len(cut), 1)
