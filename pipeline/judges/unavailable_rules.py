"""Whether a response leaves the question open, by phrases that say so and by what stands beside them.

A response that holds such a phrase leaves the question open unless it goes on to answer: a number, or a word with a capital
inside a sentence, that the question does not have, after the phrase or in a sentence without one. What stands before the phrase
in its own sentence ("as of 2023, ...") is no answer.

Limits: a response that says in words of its own that nothing is known is missed until its phrase is in the file; an answer
without a name or a number after an excuse ("I'm not sure, but he was a painter") is not seen as one.
"""

from collections.abc import Sequence
from pathlib import Path

import regex

from pipeline.judges.rubrics import RUBRICS_FOLDER
from pipeline.judges.words import Words, same_term
from pipeline.textfile import read_text

PHRASES_FILE = RUBRICS_FOLDER / "unavailable_phrases.txt"
_SENTENCE = regex.compile(r"[^.!?。！？\n]+(?:[.!?。！？](?!\s|$)[^.!?。！？\n]+)*[.!?。！？]*")
_FACT = regex.compile(r"\p{N}+|(?<=[\p{Ll}\p{N},;:)’'”\"-]\s)\p{Lu}[\p{L}\p{M}]+")


def read_phrases(path: Path = PHRASES_FILE) -> tuple[str, ...]:
    """Phrases in lower case. Raises InputError when the file is missing."""
    lines = read_text(path, "one phrase a line by which a response leaves the question open").splitlines()
    return tuple(line.strip().casefold() for line in lines if line.strip() and not line.startswith("#"))


def leaves_open(words: Words, phrases: Sequence[str], question: str, response: str) -> bool:
    """Whether ``response`` leaves ``question`` open, as the rubric unavailable says."""
    told = response.replace("’", "'")
    lower = told.lower()
    if not any(phrase in lower for phrase in phrases):
        return False
    asked = words.terms(question)
    for match in _SENTENCE.finditer(told):
        sentence = match.group().lower()
        ends = [sentence.rfind(phrase) + len(phrase) for phrase in phrases if phrase in sentence]
        if _states_fact(words, asked, match.group()[max(ends, default=0) :]):
            return False
    return True


def _states_fact(words: Words, asked: set[str], text: str) -> bool:
    facts = {term for match in _FACT.finditer(text) for term in words.terms(match.group())}
    return any(not any(same_term(fact, other) for other in asked) for fact in facts)
