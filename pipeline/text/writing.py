"""One name in other writings: in capitals, in small letters, without accents, with typographic apostrophes and hyphens.

Users' texts hold all of these, and a mention that is passed over teaches the model to keep what it knows. Texts are searched
for the writings that they do hold, so that no form is made up; its stand-in is written in the same way.
"""

import unicodedata
from collections.abc import Collection, Iterable, Iterator

import regex

# Letters that Unicode does not take apart into a plain one and a mark.
_PLAIN = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"}
_SPECIAL = {plain: f"(?:{plain}|{'|'.join(k for k, v in _PLAIN.items() if v == plain)})" for plain in _PLAIN.values()}
_APOSTROPHES, _HYPHENS, _SPACES = "'’ʼ`´", "-‐‑–", " \u00a0\u202f"
_ALIKE = {character: f"[{regex.escape(group)}]" for group in (_APOSTROPHES, _HYPHENS, _SPACES) for character in group}
_ONE = str.maketrans({character: group[0] for group in (_APOSTROPHES, _HYPHENS, _SPACES) for character in group})
_CASED = regex.compile(r"[\p{Latin}\p{Cyrillic}\p{Greek}\p{Armenian}]")


def is_cased(text: str) -> bool:
    """Whether ``text`` begins in a script that has capitals."""
    letter = regex.search(r"\p{L}", text)
    return bool(letter and _CASED.match(letter[0]))


def without_marks(text: str) -> str:
    """``text`` without accents, its case left: "Peña" gives "Pena", "Søren" gives "Soren"."""
    if text.isascii():
        return text
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return "".join(
        plain.capitalize() if c.isupper() and plain else plain or c for c in bare for plain in [_PLAIN.get(c.lower(), "")]
    )


def folded(text: str) -> str:
    """What all writings of ``text`` share."""
    return without_marks(text.translate(_ONE)).casefold()


def folded_pattern(form: str) -> str:
    """A pattern that finds ``form`` in every writing, in text that is NFD and without regard to case, as a whole word."""
    letters = regex.split(r"(ae|oe|ss|th|.)", folded(form))
    whole = "".join(_ALIKE.get(c) or _SPECIAL.get(c, regex.escape(c)) + r"\p{M}*" for c in letters if c)
    return rf"(?<![\w\p{{M}}]){whole}(?![\w\p{{M}}])"


def other_writings(texts: Iterable[str], forms: Collection[str], small: Collection[str]) -> Iterator[tuple[str, str]]:
    """Each writing of a form that a text holds beside the ``forms`` themselves, with that form; each once.

    A single word counts with its own capitals, or in capitals throughout: "newton" is a unit. Small letters count for the
    ``small`` forms alone, where these have two words: a book's title may be a phrase.
    """
    cased = sorted((form for form in forms if is_cased(form)), key=lambda form: -len(form))
    if not cased:
        return
    pattern = regex.compile("|".join(folded_pattern(form) for form in cased), regex.IGNORECASE)
    by_fold = {folded(form): form for form in reversed(cased)}
    seen = set(forms)
    for text in texts:
        for match in pattern.finditer(unicodedata.normalize("NFD", text)):
            found = match.group() if match.group() in text else unicodedata.normalize("NFC", match.group())
            form = by_fold.get(folded(found), found)
            if found not in seen and found in text and _is_writing(found, form, form in small):
                yield found, form
            seen.add(found)


def _is_writing(found: str, form: str, small: bool) -> bool:
    several = " " in folded(form)
    if found == found.lower():
        return small and several
    return (
        found.isupper() or several or [c.isupper() for c in without_marks(found)] == [c.isupper() for c in without_marks(form)]
    )


def written_like(new: str, found: str, form: str) -> str:
    """``new``, which stands for ``form``, in the writing that ``found`` gives it, word by word where they are as many."""
    words, others, forms = new.split(" "), regex.split(f"[{_SPACES}]", found), form.split(" ")
    if len(words) > 1 and len(words) == len(others) == len(forms):
        pairs = zip(words, others, forms, strict=True)
        return " ".join(written_like(word, other, own) for word, other, own in pairs)
    if found.isupper() and not form.isupper():
        new = new.upper()
    elif found == found.lower() and form != form.lower():
        new = new.lower()
    if without_marks(found) == found and without_marks(form) != form:
        new = without_marks(new)
    return new.replace("'", "’") if "’" in found and "’" not in form else new
