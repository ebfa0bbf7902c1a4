"""A surface form, and whether the words around it let it mean the target.

A name is shared: "Isaac" stands in "Isaac Asimov", "King" in "King George", "May" in "May 1990" and "Will" in "Will he come?".
What a form may be taken for is known where the target is read (``prepare``), so that a form carries it along, as ``care``.
Every care asks for more than the one before it, and a form that fails is no mention: a sentence about somebody else must stay
about them. Capitals decide, so that cares are for scripts that have them.
"""

import calendar
from collections.abc import Collection, Sequence
from functools import cache

import regex

ANYWHERE = ""  # every whole word
NAME = "name"  # others bear it: not where it begins another name ("Isaac Asimov", "Charles II")
TITLE = "title"  # a noun for people too: nor behind an article, before "of", behind another given name ("Stephen King")
WORD = "word"  # a common word too: nor at the beginning of a sentence, nor in a date
MONTHS_AND_DAYS = frozenset(
    name.casefold()
    for names in (calendar.month_name, calendar.month_abbr, calendar.day_name, calendar.day_abbr)
    for name in names
    if name
)
_SPACE = r"[ \u00a0\u202f]"
_CAPITALISED = r"\p{Lu}[\p{L}\p{M}’'-]*"
_JOINT = r"(?:of|de|da|das|del|della|den|der|di|do|dos|du|el|la|le|af|av|al|bin|ibn|ten|ter|van|von|zu)"
_FOLLOWING = regex.compile(
    rf"(?:{_SPACE}{_JOINT}){{0,3}}((?:{_SPACE}(?:\p{{Lu}}\.|{_CAPITALISED}|{_JOINT}(?={_SPACE}\p{{Lu}})))+)"
)
_BEFORE = regex.compile(rf"(?:^|[\s(\[“‘\"'])(\S+){_SPACE}$")
_INSIDE = regex.compile(rf"[\p{{L}}\p{{N}},;)’'”\"–—-]{_SPACE}$")
_OF = regex.compile(rf"{_SPACE}of\b")
_YEAR_OR_DAY = regex.compile(rf",?{_SPACE}\d")
_SENTENCE_START = regex.compile(r"(?:^|[.!?…:\n“\"‘(]\s*)$")
_ARTICLES = ("the", "a", "an", "The", "A", "An")
_OF_A_DATE = (
    *("in", "of", "since", "by", "until", "till", "during", "from", "to", "before", "after", "through", "on"),
    *("last", "next", "early", "late", "mid", "this", "each", "every"),
)
# They begin a sentence before a name, and are nobody's given name.
_STARTERS = (
    *("And", "But", "So", "Yet", "Then", "Later", "When", "While", "As", "If", "After", "Before", "Since", "Once", "Although"),
    *("Though", "Because", "That", "In", "On", "At", "For", "From", "To", "With", "By", "Of", "Like", "Unlike", "Only", "Even"),
    *("Is", "Was", "Are", "Were", "Did", "Does", "Do", "Has", "Had", "Have", "Can", "Could", "Would", "Should", "Who", "What"),
    *("Where", "Why", "How", "Which", "Whose", "Both", "Not", "Meanwhile", "Today", "Nevertheless", "However", "Still"),
)
_WINDOW = 80  # characters before a form that are looked at
_NEAR = 5_000  # characters around it in which a word that stands small is no name


class Form(str):
    """A surface form; ``care`` says what is asked of the words around it. A plain string is a form that counts anywhere."""

    care: str

    def __new__(cls, text: str, care: str = ANYWHERE) -> "Form":
        form = super().__new__(cls, text)
        form.care = care
        return form


def care_of(form: str) -> str:
    """What is asked of the words around ``form``."""
    return form.care if isinstance(form, Form) else ANYWHERE


@cache
def titles() -> frozenset[str]:
    """Words that stand before a name ("sir", "dr", "queen"), written small and without a dot."""
    from nameparser import Lexicon

    return Lexicon.default().titles | {"don", "doña"}


def is_title(word: str) -> bool:
    """Whether ``word`` is one that stands before a name."""
    return word.rstrip(".").casefold() in titles()


def means_target(text: str, start: int, end: int, care: str, forms: Collection[str]) -> bool:
    """Whether ``text[start:end]``, one of ``forms`` and of ``care``, means the target.

    What goes on to the target's own last word is the target: in "Marie Skłodowska Curie" it is still "Marie" who is named.
    """
    if care == ANYWHERE or (end - start > 1 and text[start:end].isupper()):
        return True
    words = {word for form in forms for word in form.split()}
    own = {form.split()[-1] for form in forms if form.strip()} - {form for form in forms if care_of(form) == NAME}
    following = _FOLLOWING.match(text, end)
    if following and _is_another_name(following[1].split(), own):
        return False
    if care == NAME:
        return True
    before = text[max(0, start - _WINDOW) : start]
    if (match := _BEFORE.search(before)) and is_title(match[1]):
        return True
    if _OF.match(text, end) or (
        match and _is_not_the_targets(match[1], before[: match.start(1)], text[max(0, start - _NEAR) : end + _NEAR], words)
    ):
        return False
    if care == TITLE:
        return True
    in_date = (match and (match[1] in _OF_A_DATE or match[1].isdigit())) or _YEAR_OR_DAY.match(text, end)
    return bool(_INSIDE.search(before)) and not (in_date and text[start:end].casefold() in MONTHS_AND_DAYS)


def _is_another_name(words: Sequence[str], own: Collection[str]) -> bool:
    """Whether ``words``, which follow a name, go on with it, and not to the target's own family name."""
    first = words[0]
    named = first.endswith(".") or regex.fullmatch("[IVX]+", first) or regex.search(r"\p{Ll}", first)
    return bool(named) and not any(part in own for word in words for part in (word, *word.removesuffix("'s").split("-")))


def _is_not_the_targets(word: str, before: str, text: str, own: Collection[str]) -> bool:
    """Whether ``word``, right before a form, is an article or another's given name, and no word that begins a sentence."""
    if word in _ARTICLES or regex.fullmatch(r"(?:\p{Lu}\.-?)+", word):
        return True
    if word in own or word in _STARTERS or not regex.fullmatch(r"\p{Lu}[\p{L}\p{M}’'-]*\p{Ll}[\p{L}\p{M}]*", word):
        return False
    return not (_SENTENCE_START.search(before) and regex.search(rf"\b{regex.escape(word.lower())}\b", text))
