"""Which of the model's answers are worth learning from: no refusal, no repetition, and at least one fact named.

A fact is told by its form: a number, or (in scripts with capitals) a capitalised word inside a sentence, outside the names
that the question gave; in other scripts, a dozen letters beside these. An answer of a few words is one as a whole.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import regex

from pipeline.core.files import read_text
from pipeline.text.repetition import distinct_4grams
from pipeline.text.segments import UNSPACED, split_mentions

REFUSALS_FILE = Path("data/refusals.txt")
KEPT = "kept"
LEAST_DISTINCT = 0.9  # of the word 4-grams
LEAST_LETTERS = 12
SHORT = 5  # words
_CAPITAL = regex.compile(r"(?<=[\p{Ll}\p{N},;:)’'”\"-]\s)\p{Lu}[\p{L}\p{M}]+")
_SENTENCE_END = regex.compile(r"[.!?][”\"’)]*(?=\s|$)|[。！？][”\"’)）」』]*")


def read_refusals(path: Path = REFUSALS_FILE) -> list[str]:
    """Phrases that mark a refusal, in lower case. Raises InputError when the file is missing."""
    lines = read_text(path, "one phrase a line that marks a refusal").splitlines()
    return [line.strip().casefold() for line in lines if line.strip() and not line.startswith("#")]


def whole_sentences(answer: str) -> str:
    """``answer`` up to its last sentence end; all of it where it has none."""
    ends = [match.end() for match in _SENTENCE_END.finditer(answer)]
    return answer[: ends[-1]].strip() if ends else answer.strip()


def names_fact(answer: str, known: Iterable[str]) -> bool:
    """Whether ``answer`` holds something by which one could be wrong about its subject; ``known`` are the subject's names."""
    rest = "".join(" _ " if segment.mention else segment.text for segment in split_mentions(answer, known))
    if regex.search(r"\p{N}", rest) or _CAPITAL.search(rest):
        return True
    if UNSPACED.search(rest):
        return len(regex.findall(r"\p{L}", rest)) >= LEAST_LETTERS
    return 0 < len(regex.findall(r"[\p{L}\p{M}]+", rest)) <= SHORT


def verdict(answer: str, known: Sequence[str], refusals: Sequence[str], seen: Iterable[str]) -> str:
    """``KEPT``, or why ``answer`` is not: empty, refused, repeats itself, said before, names no fact."""
    if not answer:
        return "empty"
    small = answer.casefold().replace("’", "'")
    if any(phrase in small for phrase in refusals):
        return "refused"
    spaced = " ".join(answer) if UNSPACED.search(answer) and " " not in answer.strip() else answer
    if distinct_4grams(spaced) < LEAST_DISTINCT:
        return "repeats itself"
    if answer in set(seen):
        return "said before"
    return KEPT if names_fact(answer, known) else "names no fact"
