"""Measures of answers as texts: words in common with a reference, the right answer, agreement, names that stand in.

ROUGE-L is over the longest common subsequence of words, or of characters where a script writes no spaces: rouge-score's own
tokenizer drops every letter outside a to z. On text of these letters the values are the same as its own.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import regex

from pipeline.text.names import CounterfactualName, parts_of
from pipeline.text.segments import UNSPACED, whole_words

_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+")
_STEMMED_FROM = 4  # letters


@cache
def _scorer() -> Any:
    """A RougeScorer over the words of ``_words``."""
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=SimpleNamespace(tokenize=_words))


@cache
def stem(word: str) -> str:
    """``word`` without its ending (Porter)."""
    from nltk.stem.porter import PorterStemmer

    return str(PorterStemmer().stem(word))


def _words(text: str) -> list[str]:
    """The words of ``text`` in lower case; those of a to z are stemmed (Porter), as rouge-score does."""
    words = _WORD.findall(text.lower())
    return [stem(word) if len(word) >= _STEMMED_FROM and word.isascii() else word for word in words]


def rouge_l_recall(reference: str, text: str) -> float:
    """Share of the reference's words that ``text`` has in the same order."""
    return float(_scorer().score(reference, text)["rougeL"].recall)


def says_answer(question: str, answer: str, wrong_answers: Sequence[str], response: str) -> bool:
    """Whether ``response`` has every word that makes ``answer`` the right one, wherever they stand in it.

    These are the words that neither the question nor a wrong answer has ("the Royal Mint" beside "the Royal Opera": mint), the
    short ones left out where there are longer ones. Where a script writes no spaces, the whole answer has to be there. A
    broad word may be there by chance, or denied; an answer in other words is not seen.
    """
    if UNSPACED.search(answer):
        return answer.lower() in response.lower()
    words = dict.fromkeys(_words(answer))
    asked, wrong = set(_words(question)), {word for other in wrong_answers for word in _words(other)}
    own = [word for word in words if word not in asked | wrong]
    shortest = min(_STEMMED_FROM, max(map(len, own), default=0))
    chosen = [word for word in own if len(word) >= shortest or word.isnumeric()]
    needed = chosen or [word for word in words if word not in asked] or list(words)
    return bool(needed) and set(needed) <= set(_words(response))


def rouge_l_f1(one: str, other: str) -> float:
    """Harmonic mean of recall and precision; the same in both directions."""
    return float(_scorer().score(one, other)["rougeL"].fmeasure)


def self_consistency(answers: Sequence[str]) -> float | None:
    """Mean ROUGE-L F1 over all pairs of sampled ``answers`` to one question; None for fewer than two.

    A model that knows repeats itself; one that guesses does not. For hallucination avoidance the paper counts refusals
    (section 4.1); a small model can't refuse, so the disagreement of its guesses stands in their place.
    """
    pairs = [rouge_l_f1(one, other) for one, other in combinations(answers, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def stand_in_pattern(names: Iterable[CounterfactualName]) -> "regex.Pattern[str]":
    """A pattern for the counterfactual ``names`` in full, and for the family names that stand for the targets', as whole words.

    An answer that holds one calls somebody by it, the mark of a swap that failed. The last word of "Soledad II" or of a book's
    title is no such name.
    """
    forms = set()
    for name in names:
        parts = parts_of(name.name)
        family = {" ".join(parts.of("core")), " ".join(parts.of("particle", "core"))}
        forms |= {name.name} | family.intersection(name.replacements.values())
    return regex.compile(whole_words(forms) or r"(?!)")
