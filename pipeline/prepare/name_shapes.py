"""How a person's name is put together: its script, what stands between its parts, which part is the family name.

A stand-in must have the shape of the name it replaces, or the tokens around it would tell the two apart.
"""

from collections import Counter

import regex

from pipeline.segments import UNSPACED

DOTS = "·・‧"  # between the parts of a foreign name in Chinese and Japanese
_SCRIPTS = (
    "Latin", "Han", "Kana", "Hangul", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Thai", "Armenian", "Georgian"
)  # fmt: skip
_LETTER = {
    script: regex.compile(r"[\p{Hiragana}\p{Katakana}]" if script == "Kana" else rf"\p{{{script}}}") for script in _SCRIPTS
}
# Chinese family names of two characters; all others have one.
_COMPOUND = (
    "欧阳", "歐陽", "司马", "司馬", "诸葛", "諸葛", "上官", "司徒", "东方", "東方",
    "皇甫", "尉迟", "公孙", "慕容", "令狐", "夏侯",
)  # fmt: skip


def script_of(text: str) -> str:
    """The script of the first letter of ``text`` that one of the known scripts has; "other" where none has."""
    for character in text:
        for script, letter in _LETTER.items():
            if letter.match(character):
                return script
    return "other"


def main_script(text: str) -> str:
    """The script that most letters of ``text`` have."""
    counts = Counter(script_of(character) for character in text if character.isalpha())
    return counts.most_common(1)[0][0] if counts else "other"


def dot_in(name: str) -> str:
    """The dot between the parts of ``name``, or nothing."""
    return next((dot for dot in DOTS if dot in name), "")


def is_unspaced(name: str) -> bool:
    """Whether ``name`` is of one piece in a script written without spaces."""
    return bool(UNSPACED.match(name)) and " " not in name and not dot_in(name)


def family_and_given(name: str, family_name: str = "") -> tuple[str, str]:
    """Family and given name of an unspaced ``name``; both empty where they can't be told apart.

    A Han name without ``family_name`` is taken to be Chinese: the family name comes first and has one character, or two of
    a known list. A name with a kana in it, or of one character, has to be told.
    """
    if family_name:
        return family_name, name.replace(family_name, "", 1)
    if len(name) < 2 or not all(_LETTER["Han"].match(character) for character in name):
        return "", ""
    family = name[:2] if name.startswith(_COMPOUND) and len(name) > 2 else name[0]
    return family, name[len(family) :]
