"""Counterfactual names: who each target is renamed to.

Every target gets the whole pool of its language, or the pool it names, in an order of its own (seeded), so the first n names
are the same for every N: draws are nested, and names that the teacher did not take are left for the floor of the evaluation.
What a name gives away by itself (a language, a sex) is no knowledge of the person; a pool of names that give away the same
keeps it out of what is forgotten.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import InputError
from pipeline.core.files import read_text
from pipeline.prepare.targets import Target
from pipeline.text.names import HONORIFICS, TITLES, CounterfactualName, dot_in, family_and_given, is_unspaced, pieces, script_of

POOL_FOLDER = Path("data/names")
FALLBACK = "en"


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

    A name has the script and the shape of the target's (as many words, or parts between dots) and shares no part with a
    surface form of any target in ``targets``. A target with substitutions takes these instead, in the order given, and
    names of the pool for the forms that have none. Raises InputError when no name is left.
    """
    own = target.substitutions
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


def _whole(target: Target, name: str) -> str:
    """``name`` as it is written: in a script without spaces the parts of the pool's line are joined."""
    return name.replace(" ", "") if is_unspaced(target.name) else name


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
        free = _of_length(free, len(pieces(target.name)), dot_in(target.name) or " ")
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

    Part by part: the target's i-th part becomes the name's i-th part; titles ("Sir", "女士") and words written small stay, and
    a form with any other word becomes the full name. A form that shares no part with the target becomes the family name if it
    is one word, else the full name; in a script without spaces, the given name if it has two characters at most, else the full
    name.
    """
    change = _unspaced_change if is_unspaced(target.name) else _spaced_change
    return {form: _whole(target, name) if form == target.name else change(target, name, form) for form in target.surface_forms}


def _spaced_change(target: Target, name: str, form: str) -> str:
    own, new = pieces(target.name), pieces(name)
    parts = dict(zip(own, new, strict=False))
    if target.family_name:
        family = target.family_name.split()
        given = [part for part in own if part not in family]
        parts |= {family[-1]: new[-1], **({given[0]: new[0]} if given else {})}
    form_parts = pieces(form)
    others = [part for part in form_parts if part not in parts]
    if len(others) == len(form_parts):
        return new[-1] if len(form_parts) == 1 else name
    if any(not word[0].islower() and word.rstrip(".").casefold() not in TITLES for word in others):
        return name  # a longer form of the name: its other parts would give the target away
    return (dot_in(form) or " ").join(parts.get(part, part) for part in form_parts)


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
