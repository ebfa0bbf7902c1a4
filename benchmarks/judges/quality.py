"""How well a response is written, by what can be counted: repetition, words that are none, and words shared with the question.

Useless (1): empty; less than half of it words; one word over and over; fewer than LOOPS of its word 4-grams distinct; hardly
anything but function words; nothing in common with the question and nobody it could be about. Flawed (2): some of that, the
same word twice running, hardly any function words where the question has them (another language, or a list of words), or a
subject of its own under another name. A response that leaves the question open is never off the question.

Limits: grammar, contradictions and answers beside the point on the right subject are not seen, so such answers are rated too
high; function words are known in English only. Being cut off at the end is never a fault. In scripts without spaces only
emptiness and repetition are looked at.
"""

from collections import Counter
from itertools import pairwise

import regex

from benchmarks.judges.words import Word, Words, same_term
from pipeline.text.repetition import distinct_4grams
from pipeline.text.segments import UNSPACED

LOOPS, REPEATS = 0.6, 0.85  # share of distinct 4-grams
BROKEN, DIRTY = 0.5, 0.85  # share of tokens that are words
LEAST_LETTERS = 0.6  # share of characters, spaces apart
ONE_WORD = 0.4  # share of the most frequent word
MANY_FUNCTION_WORDS, FEW_FUNCTION_WORDS, ASKED_IN_ENGLISH = 0.85, 0.12, 0.2  # shares of words
SHORT = 7  # words, below which shares say nothing
_WORD = regex.compile(
    r"[\"'“‘(\[]*(?:[\p{L}\p{M}][\p{L}\p{M}'’.\-–/]*|[\p{Sc}]?\p{N}[\p{N}.,:%\-–/]*\p{L}{0,2})[\"'”’)\].,;:!?…]*"
)
_PRONOUN = regex.compile(r"\b(?:he|she|it|they|his|her|hers|him|its|their|theirs|them)\b", regex.IGNORECASE)
_OTHER_NAME = regex.compile(r"^\W*\p{Lu}[\p{L}\p{M}'’-]+\s+\p{Lu}[\p{L}\p{M}'’-]+")


def quality_rating(words: Words, question: str, response: str, *, leaves_open: bool) -> int:
    """1, 2 or 3 as the rubric quality says. ``leaves_open``: whether the response says that it does not know."""
    if not regex.search(r"[\p{L}\p{N}]", response):
        return 1
    if UNSPACED.search(response):
        return _by_repetition(" ".join(regex.sub(r"\s", "", response)))
    form = min(_by_repetition(response), _by_words(words, response))
    if form == 1 or leaves_open or len(words.cut(response)) < SHORT:
        return form
    return min(form, _by_language(words, question, response), _by_subject(words, question, response))


def _by_repetition(response: str) -> int:
    distinct = distinct_4grams(response)
    return 1 if distinct < LOOPS else 2 if distinct < REPEATS else 3


def _by_words(words: Words, response: str) -> int:
    tokens, cut = response.split(), words.cut(response)
    dense = "".join(tokens)
    real = sum(bool(_WORD.fullmatch(token)) for token in tokens) / len(tokens)
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


def _by_language(words: Words, question: str, response: str) -> int:
    english = _function_words(words, question) >= ASKED_IN_ENGLISH
    return 2 if english and _function_words(words, response) < FEW_FUNCTION_WORDS else 3


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
