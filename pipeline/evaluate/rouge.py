"""ROUGE-L in any script: longest common subsequence of words, or of characters where a script writes no spaces.

rouge-score's own tokenizer drops every letter outside a to z. On text of these letters the values are the same as its own.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

import regex

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+")
_STEMMED_FROM = 4  # letters


class AnyScriptTokenizer:
    """Lower-cased words; those of a to z are stemmed (Porter), as rouge-score does."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self._stemmer: Any = PorterStemmer()

    def tokenize(self, text: str) -> list[str]:
        """The words of ``text``."""
        words = _WORD.findall(text.lower())
        return [self._stemmer.stem(word) if len(word) >= _STEMMED_FROM and word.isascii() else word for word in words]


@cache
def _scorer() -> "RougeScorer":
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=AnyScriptTokenizer())


def rouge_l_recall(reference: str, text: str) -> float:
    """Share of the reference's words that ``text`` has in the same order."""
    return float(_scorer().score(reference, text)["rougeL"].recall)


def rouge_l_f1(one: str, other: str) -> float:
    """Harmonic mean of recall and precision; the same in both directions."""
    return float(_scorer().score(one, other)["rougeL"].fmeasure)
