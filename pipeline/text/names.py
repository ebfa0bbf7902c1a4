"""Names: how one is put together and written, and what stands for each way of writing it under a counterfactual name.

A stand-in must have the shape of the name it replaces, or the tokens around it would tell the two apart.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from pipeline.core.outputs import read_parquet, write_parquet
from pipeline.text.segments import UNSPACED

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "counterfactual_names.parquet"
DOTS = "·・‧"  # between the parts of a foreign name in Chinese and Japanese
# fmt: off
TITLES = frozenset((
    "sir", "dame", "lord", "lady", "mr", "mrs", "ms", "miss", "dr", "prof", "professor", "doctor", "saint", "st",
    "king", "queen", "prince", "princess", "pope", "president", "captain", "general", "colonel", "judge", "senator",
    "reverend", "rev", "father", "mother", "sister", "brother", "uncle", "aunt", "herr", "frau", "monsieur",
    "madame", "mademoiselle", "señor", "señora", "don", "doña", "signor", "signora",
))
HONORIFICS = (
    "先生", "女士", "小姐", "夫人", "老师", "老師", "教授", "博士", "氏", "君", "さん", "様", "さま", "ちゃん", "くん",
    "씨", "님",
)
_SCRIPTS = ["Latin", "Han", "Hangul", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Thai", "Armenian", "Georgian"]
_LETTER = regex.compile(
    r"(?P<Kana>[\p{Hiragana}\p{Katakana}])|" + "|".join(rf"(?P<{script}>\p{{{script}}})" for script in _SCRIPTS)
)
# Chinese family names of two characters; all others have one.
_COMPOUND = (
    "欧阳", "歐陽", "司马", "司馬", "诸葛", "諸葛", "上官", "司徒", "东方", "東方", "皇甫", "尉迟", "公孙", "慕容",
    "令狐", "夏侯",
)
# fmt: on


@dataclass(frozen=True)
class CounterfactualName:
    """One name for one target, with what replaces each of the target's surface forms."""

    target: str
    name: str
    replacements: dict[str, str]


def write_names(folder: Path, names: Sequence[CounterfactualName]) -> None:
    """Write counterfactual_names.parquet, the names of a target in the order drawn."""
    schema = _schema()
    drawn: Counter[str] = Counter()
    rows = []
    for name in names:
        forms, new = list(name.replacements), list(name.replacements.values())
        rows.append([name.target, drawn[name.target], name.name, forms, new])
        drawn[name.target] += 1
    write_parquet(folder / FILE, [dict(zip(schema.names, row, strict=True)) for row in rows], schema)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    return pa.schema({"target": text, "index": pa.int32(), "name": text, "surface_forms": texts, "replacements": texts})


def read_names(folder: Path) -> dict[str, list[CounterfactualName]]:
    """Each target's counterfactual names, in the order drawn."""
    names: dict[str, list[CounterfactualName]] = {}
    for row in read_parquet(folder / FILE, _schema()).to_pylist():
        replacements = dict(zip(row["surface_forms"], row["replacements"], strict=True))
        names.setdefault(row["target"], []).append(CounterfactualName(row["target"], row["name"], replacements))
    return names


def script_of(text: str) -> str:
    """The script of the first letter of ``text`` that one of the known scripts has; "other" where none has."""
    letter = _LETTER.search(text)
    return str(letter.lastgroup) if letter else "other"


def main_script(text: str) -> str:
    """The script that most letters of ``text`` have."""
    counts = Counter(script_of(character) for character in text if character.isalpha())
    return counts.most_common(1)[0][0] if counts else "other"


def dot_in(name: str) -> str:
    """The dot between the parts of ``name``, or nothing."""
    return next((dot for dot in DOTS if dot in name), "")


def pieces(name: str) -> list[str]:
    """``name`` cut at its dots, or at its spaces where it has none."""
    return name.split(dot_in(name) or None)


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
    if not regex.fullmatch(r"\p{Han}{2,}", name):
        return "", ""
    family = name[:2] if name.startswith(_COMPOUND) and len(name) > 2 else name[0]
    return family, name[len(family) :]


def name_parts(name: str) -> list[str]:
    """The parts by which a person is called: the given name, and the family name with its particles.

    "Leonardo da Vinci" gives "Leonardo" and "da Vinci", "艾萨克·牛顿" gives "艾萨克" and "牛顿"; a name of one word, or of a
    script without spaces, gives nothing.
    """
    words = pieces(name)
    if len(words) < 2:
        return []
    family = len(words) - 1
    while family > 1 and words[family - 1].islower() and not dot_in(name):
        family -= 1
    return [words[0], " ".join(words[family:])]


def surface_forms(name: str, kind: str, written: Sequence[str], family_name: str = "") -> tuple[str, ...]:
    """Every way ``name`` is written: itself, a person's given and family name, and the ``written`` ones; longest first.

    In a script without spaces a part of one character is no form of its own, since it stands in too many other words.
    """
    parts: list[str] = []
    if kind == "person" and is_unspaced(name):
        parts = [part for part in family_and_given(name, family_name) if len(part) > 1]
    elif kind == "person":
        given = [word for word in name.split() if word not in family_name.split()] if family_name else []
        parts = [*given[:1], family_name] if family_name else name_parts(name)
    forms = {name, *parts, *(form.strip() for form in written)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))
