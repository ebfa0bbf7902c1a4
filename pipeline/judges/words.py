"""The words of a text that can carry a fact, as the rules compare them: stemmed, without accents, numbers in digits."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import combining, normalize

import regex

from pipeline.judges.rubrics import RUBRICS_FOLDER
from pipeline.textfile import read_text

STOP_WORDS_FILE = RUBRICS_FOLDER / "stop_words.txt"
SAME_FROM = 5  # letters of a stem that may begin another one of the same family
_STEMMED_FROM = 4  # letters
# A run of letters of a script without spaces is one word: where it would be cut is not known without a dictionary.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"\p{{N}}+(?:,\p{{N}}{{3}})*|[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[\p{{L}}\p{{M}}])+(?:['’]\p{{L}}+)?")
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
)
_NUMBER_WORDS = {word: str(number) for number, word in enumerate([*_SMALL.split(), "nineteen"])}
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBER_WORDS |= {word: str(10 * number) for number, word in enumerate(_TENS, start=2)}


@dataclass(frozen=True)
class Word:
    """A word of a text: its place there, and the term it is compared by ("" for a stop word)."""

    start: int
    end: int
    text: str
    term: str

    @property
    def capital(self) -> bool:
        """Whether it is written with a capital, as names are."""
        return self.text[0].isupper()


class Words:
    """Cuts texts to words. ``stop_words`` are in lower case."""

    def __init__(self, stop_words: frozenset[str]) -> None:
        self.stop_words = stop_words
        self._stemmer = _stemmer()

    def cut(self, text: str) -> list[Word]:
        """The words of ``text`` in order, stop words too."""
        return [Word(m.start(), m.end(), m.group(), self._term(m.group())) for m in _WORD.finditer(text)]

    def terms(self, text: str) -> set[str]:
        """The terms of ``text``, without stop words."""
        return {word.term for word in self.cut(text)} - {""}

    def is_stop_word(self, word: str) -> bool:
        """Whether ``word`` is one, its ending ('s) left off."""
        plain = word.casefold().replace("’", "'")
        return plain in self.stop_words or plain.removesuffix("'s") in self.stop_words

    def _term(self, word: str) -> str:
        plain = word.casefold().replace("’", "'")
        if plain in _NUMBER_WORDS:
            return _NUMBER_WORDS[plain]
        if self.is_stop_word(plain):
            return ""
        if plain[0].isnumeric():
            return plain.replace(",", "")
        plain = "".join(c for c in normalize("NFKD", plain.removesuffix("'s")) if not combining(c)) or plain
        return str(self._stemmer.stem(plain)) if len(plain) >= _STEMMED_FROM and plain.isascii() else plain


def same_term(one: str, other: str) -> bool:
    """Whether two terms mean the same for a rule: equal, or one stem begins the other (physic, physicist).

    Numbers are the same only when they are equal. In a script without spaces one run may stand inside the other.
    """
    if one == other:
        return True
    if one[0].isnumeric() or other[0].isnumeric():
        return False
    short, long = sorted((one, other), key=len)
    if regex.match(f"[{_UNSPACED}]", short):
        return short in long
    return len(short) >= SAME_FROM and long.startswith(short)


def read_stop_words(path: Path = STOP_WORDS_FILE) -> frozenset[str]:
    """The words of ``path``, its comments left out. Raises InputError when it is missing."""
    lines = read_text(path, "words that carry no fact, several a line").splitlines()
    return frozenset(word.casefold() for line in lines if not line.startswith("#") for word in line.split())


@cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()
