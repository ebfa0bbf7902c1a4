"""Counterfactual names: who each target is renamed to.

Every target gets the whole pool of its language, or the pool it names, in an order of its own (seeded), so the first n names
are the same for every N: draws are nested, and names that the teacher did not take are left for the floor of the evaluation.
What a name gives away by itself (a language, a sex) is no knowledge of the person; a pool of names that give away the same
keeps it out of what is forgotten.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import regex

from pipeline.core.errors import InputError
from pipeline.core.files import read_text
from pipeline.prepare.targets import Target
from pipeline.text.forms import is_title
from pipeline.text.names import (
    DOTS,
    HONORIFICS,
    CounterfactualName,
    dot_in,
    family_and_given,
    initials_of,
    is_unspaced,
    parts_of,
    pieces,
    script_of,
)
from pipeline.text.writing import folded, is_cased, written_like

POOL_FOLDER = Path("data/names")
FALLBACK = "en"
_LETTER, _WORD = regex.compile(r"\p{L}"), regex.compile(rf"[^\s,{DOTS}]+")


def pool_file(target: Target, folder: Path = POOL_FOLDER) -> Path:
    """The pool that ``target`` names, else that of its language, else the English one. Raises InputError for an unknown one."""
    pools = {pool.stem: pool for pool in sorted(folder.glob("*.txt"))}  # no path of the user's own: it could lead elsewhere
    if target.names and target.names not in pools:
        raise InputError(
            f"data/targets.jsonl: 'names' of {target.name!r} is {target.names!r}, but the pools are {', '.join(pools)}."
        )
    return pools.get(target.names or target.language, folder / f"{FALLBACK}.txt")


def read_pool(path: Path) -> list[str]:
    """Names, one a line, their parts apart by a space (or a middle dot); lines that begin with # are comments.

    Parts stand in the language's own order, family name first in Chinese and Japanese. Raises InputError for a faulty line.
    """
    lines = read_text(path, "invented full names into it, one a line").splitlines()
    pool: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = " ".join(line.split())
        if not name or name.startswith("#"):
            continue
        if len(pieces(name)) < 2:
            raise InputError(f"{path}, line {number}: {name!r} is no full name; write given and family name.")
        if name in pool:
            raise InputError(f"{path}, line {number}: {name!r} stands on line {pool[name]} already; remove one.")
        pool[name] = number
    if not pool:
        raise InputError(f"{path} is empty; write invented full names into it, one a line.")
    return list(pool)


def draw_names(target: Target, targets: Sequence[Target], pool: Sequence[str], seed: int) -> list[CounterfactualName]:
    """Every usable name for ``target``, in its seeded order.

    A name has the script and the shape of the target's (as many words or initials, or parts between dots; title, particles and
    suffix stay) and shares no part with a surface form of any target in ``targets``. A target with substitutions takes these
    instead, in the order given, and names of the pool for the forms that have none. Raises InputError when no name is left.
    """
    own = _with_writings(target)
    names = own.get(target.name) or _fit(target, targets, pool, seed)
    count = min(map(len, own.values()), default=len(names))
    return [
        CounterfactualName(
            target.name,
            _whole(target, name),
            replacements(target, name) | {form: new[index] for form, new in own.items()},
        )
        for index, name in enumerate(names[:count])
    ]


def _with_writings(target: Target) -> dict[str, Sequence[str]]:
    """The substitutions, and what follows from them for the other writings of a form ("THE TIDES")."""
    own = dict(target.substitutions)
    for form in target.surface_forms:
        for listed, new in target.substitutions.items():
            if form not in own and folded(form) == folded(listed):
                own[form] = [written_like(text, form, listed) for text in new]
    return own


def _whole(target: Target, name: str) -> str:
    """``name`` as it is written: without spaces in a script that has none, else in the shape of the target's name."""
    if is_unspaced(target.name):
        return name.replace(" ", "")
    if target.family_name or target.name in target.substitutions or dot_in(target.name) or not is_cased(target.name):
        return name
    return _word_by_word(target.name, _stand_ins(target, name))


def _fit(target: Target, targets: Sequence[Target], pool: Sequence[str], seed: int) -> list[str]:
    forms = [form.casefold() for other in targets for form in other.surface_forms]
    words = {word for form in forms for word in pieces(form)}
    shape = (script_of(target.name), dot_in(target.name))
    alike = [name for name in pool if (script_of(name), dot_in(name)) == shape]
    if not alike:
        raise InputError(
            f"{pool_file(target)} has no name written like {target.name!r} ({shape[0]} script); write some into "
            f"{POOL_FOLDER / target.language}.txt, one a line."
        )

    def shared(part: str) -> bool:
        return any(part in form for form in forms) if is_unspaced(target.name) else part in words

    free = [name for name in alike if not any(shared(part.casefold()) for part in pieces(name))]
    random.Random(f"{seed}:{target.name}").shuffle(free)
    if not is_unspaced(target.name):
        parts = parts_of(target.name, target.family_name).names()
        free = _of_length(free, len(parts), dot_in(target.name) or " ")
    names = list(dict.fromkeys(free))
    if not names:
        raise InputError(
            f"{pool_file(target)}: no name is left for {target.name!r} once those that share a word with a target are out."
        )
    return names


def _of_length(names: Sequence[str], count: int, joint: str) -> list[str]:
    """Names of ``count`` parts: first and last part of each, and between them the first parts of the next ones."""
    cut = [pieces(name) for name in names]
    result = []
    for index, (first, *_, last) in enumerate(cut):
        middle = [cut[(index + step) % len(cut)][0] for step in range(1, count - 1)]
        result.append(first if count == 1 else joint.join([first, *middle, last]))
    return result


def replacements(target: Target, name: str) -> dict[str, str]:
    """What stands for each surface form of ``target`` under ``name`` (a line of the pool).

    Part by part: the target's i-th part becomes the name's i-th part, in the writing of the form; titles ("Sir", "女士"),
    suffixes and words written small stay, and a form with any other word becomes the full name. A form that shares no part with
    the target becomes the family name if it is one word, else the full name; in a script without spaces, the given name if it
    has two characters at most, else the full name.
    """
    change = _unspaced_change if is_unspaced(target.name) else _spaced_change
    return {form: _whole(target, name) if form == target.name else change(target, name, form) for form in target.surface_forms}


def _stand_ins(target: Target, name: str) -> dict[str, tuple[str, str]]:
    """{folded word of the target's name: (that word, the word of ``name`` in its place)}; initials joined are a word too."""
    parts, new = parts_of(target.name, target.family_name), pieces(name)
    pairs = list(zip(parts.names(), new, strict=False))
    if target.family_name:
        pairs += [(word, new[0]) for word in parts.of("given")] + [(word, new[-1]) for word in parts.of("core")[-1:]]
    found = {folded(word): (word, other) for word, other in pairs}
    letters = [(word, other) for word, other in pairs if initials_of(word)]
    joined = ["".join(word for word, _ in letters), "".join(other[0] for _, other in letters)]
    return found | {folded(joined[0]): (joined[0], joined[1])} if letters else found


def _spaced_change(target: Target, name: str, form: str) -> str:
    stand_ins, new = _stand_ins(target, name), pieces(name)
    own = parts_of(target.name, target.family_name)
    words = pieces(form)
    staying = {folded(word) for word in own.of("title", "particle", "of", "suffix")}
    others = [word for word in words if _bare(word) not in stand_ins and folded(word) not in staying]
    if others == words:
        return new[-1] if len(words) == 1 else _whole(target, name)
    if any(not word[0].islower() and not is_title(word) for word in others):
        return _whole(target, name)  # a longer form of the name: its other parts would give the target away
    return _word_by_word(form, stand_ins)


def _bare(word: str) -> str:
    """``word`` as ``_stand_ins`` knows it: without the dots of initials and the comma before a suffix."""
    letters = initials_of(word)
    return folded("".join(letters) if letters else word.rstrip(","))


def _word_by_word(form: str, stand_ins: Mapping[str, tuple[str, str]]) -> str:
    """``form`` with what stands for each of its words, each in that word's writing; an initial gives an initial."""

    def other(match: regex.Match[str]) -> str:
        word = str(match.group())
        own, new = stand_ins.get(_bare(word), (word, word))
        if initials_of(word) or (len(own) > 1 and own == word.replace(".", "") and len(new) == len(own) and own.isupper()):
            letters = iter(new[: len(own)])
            return _LETTER.sub(lambda _: next(letters), word)
        return written_like(new, word, own)

    return str(_WORD.sub(other, form))


def _unspaced_change(target: Target, name: str, form: str) -> str:
    family, given = family_and_given(target.name, target.family_name)
    parts = name.split() if " " in name else [part or name for part in family_and_given(name)]
    new_family, new_given, whole = parts[0], parts[-1], _whole(target, name)
    if target.name in form:
        return form.replace(target.name, whole)
    if len(given) > 1 and given in form:
        return form.replace(given, new_given)
    if len(family) > 1 and family in form:
        return form.replace(family, new_family)
    if family and form.removeprefix(family) in HONORIFICS:
        return new_family + form.removeprefix(family)
    return new_given if len(form) < 3 and len(new_given) > 1 else whole
