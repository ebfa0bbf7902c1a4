"""The words of a text that can carry a fact, as the rules compare them: stemmed, without accents, numbers in digits."""

from dataclasses import dataclass
from pathlib import Path
from unicodedata import combining, normalize

import regex

from benchmarks.judges.rubrics import RUBRICS_FOLDER
from pipeline.core.files import read_entries
from pipeline.evaluate.text_measures import stem

_SAME_FROM = 5  # letters of a stem that may begin another one of the same family
_STEMMED_FROM = 4  # letters
# A run of letters of a script without spaces is one word: where it would be cut is not known without a dictionary.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"\p{{N}}+(?:,\p{{N}}{{3}})*|[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[\p{{L}}\p{{M}}])+(?:['’]\p{{L}}+)?")
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: str(number) for number, word in enumerate(_SMALL.split())}
_NUMBERS |= {word: f"{number}0" for number, word in enumerate(_TENS.split(), start=2)}


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
    """Cuts texts to words, with stop_words.txt of ``folder``. Raises InputError when it is missing."""

    def __init__(self, folder: Path = RUBRICS_FOLDER) -> None:
        lines = read_entries(folder / "stop_words.txt", "words that carry no fact, several a line")
        self._stop_words = frozenset(word for line in lines for word in line.split())

    def cut(self, text: str) -> list[Word]:
        """The words of ``text`` in order, stop words too."""
        return [Word(m.start(), m.end(), m.group(), self._term(m.group())) for m in _WORD.finditer(text)]

    def terms(self, text: str) -> set[str]:
        """The terms of ``text``, without stop words."""
        return {word.term for word in self.cut(text)} - {""}

    def is_stop_word(self, word: str) -> bool:
        """Whether ``word`` is one, its ending ('s) left off."""
        plain = word.casefold().replace("’", "'")
        return not self._stop_words.isdisjoint((plain, plain.removesuffix("'s")))

    def _term(self, word: str) -> str:
        plain = word.casefold().replace("’", "'")
        if plain in _NUMBERS:
            return _NUMBERS[plain]
        if self.is_stop_word(plain):
            return ""
        if plain[0].isnumeric():
            return plain.replace(",", "")
        plain = "".join(c for c in normalize("NFKD", plain.removesuffix("'s")) if not combining(c)) or plain
        return stem(plain) if len(plain) >= _STEMMED_FROM and plain.isascii() else plain


def same_term(one: str, other: str) -> bool:
    """Whether two terms mean the same for a rule: equal, or one stem begins the other (physic, physicist).

    Numbers are the same only when they are equal. In a script without spaces one run may stand inside the other.
    """
    if one == other or one[0].isnumeric() or other[0].isnumeric():
        return one == other
    short, long = sorted((one, other), key=len)
    if regex.match(f"[{_UNSPACED}]", short):
        return short in long
    return len(short) >= _SAME_FROM and long.startswith(short)
