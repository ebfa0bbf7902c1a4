"""Names: how one is put together and written, and what stands for each way of writing it under a counterfactual name.

A stand-in must have the shape of the name it replaces, or the tokens around it would tell the two apart.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import regex

from pipeline.core.outputs import read_parquet, write_parquet
from pipeline.text.forms import Form, care_of
from pipeline.text.segments import UNSPACED
from pipeline.text.writing import is_cased

if TYPE_CHECKING:
    from nameparser import Parser

FILE = "counterfactual_names.parquet"
_SCHEMA = pa.schema(
    {"target": pa.string(), "index": pa.int32(), "name": pa.string()}
    | dict.fromkeys(("surface_forms", "replacements", "cares"), pa.list_(pa.string()))
)
DOTS = "·・‧"  # between the parts of a foreign name in Chinese and Japanese
# fmt: off
HONORIFICS = (
    "先生", "女士", "小姐", "夫人", "老师", "老師", "教授", "博士", "氏", "君", "さん", "様", "さま", "ちゃん", "くん",
    "씨", "님",
)
_SCRIPTS = ["Latin", "Han", "Hangul", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Thai", "Armenian", "Georgian"]
_LETTER = regex.compile(
    r"(?P<Kana>[\p{Hiragana}\p{Katakana}])|" + "|".join(rf"(?P<{script}>\p{{{script}}})" for script in _SCRIPTS)
)
_PARTS = {"title": "title", "given": "given", "family": "core", "suffix": "suffix"}  # of nameparser's roles; others: middle
_MORE_PARTICLES = ("à", "d’", "ван", "фон", "де", "ла", "дер", "ди", "да", "дю", "фан")
_BEFORE_A_NAME = ("de", "del", "la", "da", "di", "von", "van", "der", "zu")  # and not a father's name, as "ibn"
_ARTICLES = frozenset(("the", "el", "la", "le", "los", "las", "les", "il", "lo", "da", "de", "di", "do", "du"))
_CAPITAL, _INITIALS = regex.compile(r"\p{Lu}"), regex.compile(r"(?:\p{Lu}\.-?)+|\p{Lu}")
_PATRONYMIC = regex.compile("(?:вич|вна|чна|[eo]vich|[eo]vna|[eo]vitch)$")
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
    drawn: Counter[str] = Counter()
    rows = []
    for name in names:
        forms, new = list(name.replacements), list(name.replacements.values())
        rows.append([name.target, drawn[name.target], name.name, forms, new, [care_of(form) for form in forms]])
        drawn[name.target] += 1
    write_parquet(folder / FILE, [dict(zip(_SCHEMA.names, row, strict=True)) for row in rows], _SCHEMA)


def read_names(folder: Path) -> dict[str, list[CounterfactualName]]:
    """Each target's counterfactual names, in the order drawn."""
    names: dict[str, list[CounterfactualName]] = {}
    for row in read_parquet(folder / FILE, _SCHEMA, may_be_empty=False).to_pylist():
        forms = map(Form, row["surface_forms"], row["cares"])
        replacements = dict[str, str](zip(forms, row["replacements"], strict=True))
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


@dataclass(frozen=True)
class NameParts:
    """The words of a person's name, each with its part."""

    words: tuple[str, ...]
    parts: tuple[str, ...]  # title, given, middle, particle, core (of the family name), of, place, suffix

    def of(self, *parts: str) -> list[str]:
        """The words of ``parts``, in their order."""
        return [word for word, part in zip(self.words, self.parts, strict=True) if part in parts]

    def names(self) -> list[str]:
        """What somebody else's name takes the place of, word by word; initials letter by letter."""
        return [piece for word in self.of("given", "middle", "core", "place") for piece in initials_of(word) or [word]]


@cache
def _parser() -> "Parser":
    from nameparser import Lexicon, Parser

    return Parser(lexicon=Lexicon.default().add(particles=_MORE_PARTICLES))


def initials_of(word: str) -> list[str]:
    """The letters of ``word`` where it is made of initials ("J.", "J.K.", "W"), else nothing."""
    return _CAPITAL.findall(word) if _INITIALS.fullmatch(word) else []


@cache
def parts_of(name: str, family_name: str = "") -> NameParts:
    """The parts of ``name``, of which ``family_name`` is the family name where that is told.

    nameparser tells them in scripts with capitals, whose names it knows best (probablepeople knows American ones alone, and
    needs a model). Elsewhere the first word is the given name and the last one the family name.
    """
    if not is_cased(name) or dot_in(name):
        words = pieces(name)
        if len(words) == 1:
            return NameParts(tuple(words), ("given",))
        core = [len(words) - 1]
        if family_name:
            core = [index for index, word in enumerate(words) if word in family_name.split()]
        given = next((index for index in range(len(words)) if index not in core), None)
        kinds = ["core" if index in core else "given" if index == given else "middle" for index in range(len(words))]
        return NameParts(tuple(words), tuple(kinds))
    tokens = _parser().parse(name).tokens
    words = [token.text for token in tokens]
    kinds = [_PARTS.get(token.role, "middle") for token in tokens]
    own = family_name.split()
    for index, word in enumerate(words):
        if own and word in own:
            kinds[index] = "core"
        elif own and kinds[index] == "core":
            kinds[index] = "middle" if "given" in kinds[:index] else "given"
        if kinds[index] == "core" and "particle" in tokens[index].tags and "core" not in kinds[:index] and word != words[-1]:
            kinds[index] = "particle"
    if own and "given" not in kinds and "middle" in kinds:
        kinds[kinds.index("middle")] = "given"
    return NameParts(tuple(words), tuple(_proper(words, kinds)))


def _proper(words: Sequence[str], kinds: list[str]) -> list[str]:
    """``kinds`` with what nameparser takes for names: an article before them, "of Assisi" or "the Great" behind them."""
    named = [index for index, kind in enumerate(kinds) if kind in ("given", "middle", "core")]
    if not named:  # "Prince" alone
        return ["given"] * len(kinds)
    if len(named) > 1 and kinds[named[0]] == "given" and words[named[0]].casefold() in _ARTICLES:
        kinds[named[0]] = "title"
    joint = next((index for index in named[1:] if words[index] in ("of", "the")), None)
    if joint is not None:
        after = len(kinds) - joint - 1
        kinds[joint:] = ["of", *["place"] * after] if words[joint] == "of" else ["suffix"] * (after + 1)
    return kinds if "given" in kinds else ["given" if kind == "core" else kind for kind in kinds]


def name_parts(name: str, family_name: str = "") -> list[str]:
    """The parts by which a person is called: the given name, and the family name with its particles.

    "Leonardo da Vinci" gives "Leonardo" and "da Vinci", "艾萨克·牛顿" gives "艾萨克" and "牛顿"; a name of one word, or of a
    script without spaces, gives no family name.
    """
    parts = parts_of(name, family_name)
    return [" ".join(words) for words in (parts.of("given"), parts.of("particle", "core")) if words]


def surface_forms(name: str, kind: str, written: Sequence[str], family_name: str = "") -> tuple[str, ...]:
    """Every way ``name`` is written: itself, a person's given and family name, and the ``written`` ones; longest first.

    Of "Martin Luther King Jr." they are the name with the suffix and without, "Martin" and "King"; of "Sir Isaac Newton" the
    name proper and its parts; of "Ludwig van Beethoven" the family name with its particle, written small or not, and without;
    of "J. K. Rowling" the initials apart, together and bare. A title, a suffix, an article or an initial alone is nobody's
    name; nor is a part of one character in a script without spaces, since it stands in too many other words.
    """
    parts: Iterable[str] = ()
    if kind == "person" and is_unspaced(name):
        parts = (part for part in family_and_given(name, family_name) if len(part) > 1)
    elif kind == "person":
        parts = name_parts(name, family_name)
        if is_cased(name) and not dot_in(name):
            parts = (form for form in _person_forms(parts_of(name, family_name), family_name) if _is_form(form))
    forms = {name, *parts, *(form.strip() for form in written)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _person_forms(parts: NameParts, family_name: str) -> Iterator[str]:
    given, particles, core = " ".join(parts.of("given")), parts.of("particle"), parts.of("core")
    suffixed = [word for word, part in zip(parts.words, parts.parts, strict=True) if part != "title"]
    proper = [word for word, part in zip(parts.words, parts.parts, strict=True) if part not in ("title", "suffix")]
    for words in (suffixed, proper):
        yield " ".join(words)
        initials = "".join(piece for word in words for piece in initials_of(word))
        if initials_of(words[0]) and len(initials) > 1:
            rest = [word for word in words if not initials_of(word)]
            yield from (" ".join([joined, *rest]) for joined in (". ".join(initials) + ".", ".".join(initials) + ".", initials))
    yield given
    if len(parts.of("middle")) == 1 and _PATRONYMIC.search(parts.of("middle")[0]):
        yield f"{given} {parts.of('middle')[0]}"
    if core:
        small, capital = [word.lower() for word in particles], [word.capitalize() for word in particles[:1]] + particles[1:]
        yield from (" ".join([*before, *core]) for before in (particles, small, capital, []))
        if len(core) > 1 and not family_name:
            yield core[-1]
            if "y" in core or (particles and particles[-1].casefold() in _BEFORE_A_NAME):
                yield core[0]


def _is_form(form: str) -> bool:
    """Whether ``form`` can be told from the words of a language: two letters, and neither initials nor particles alone."""
    known = _parser().lexicon.particles | _ARTICLES
    letters = len(regex.findall(r"\p{L}", form))
    return letters > 1 and not all(initials_of(word) for word in form.split()) and (" " in form or form not in known)
