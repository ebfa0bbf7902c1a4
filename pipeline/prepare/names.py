"""Counterfactual names: who each target is renamed to.

Every target gets the whole pool in an order of its own (seeded), so the first n names are the same for every N: draws are
nested, and names that the teacher did not take are left for the floor of the evaluation.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import InputError
from pipeline.prepare.targets import Target
from pipeline.tables import CounterfactualName

POOL_FILE = Path("data/counterfactual_names.txt")


def read_pool(path: Path = POOL_FILE) -> list[str]:
    """Names, one a line; lines that begin with # are comments. Raises InputError for a faulty line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path} is missing; write invented full names into it, one a line.") from None
    pool: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = " ".join(line.split())
        if not name or name.startswith("#"):
            continue
        if len(name.split()) < 2:
            raise InputError(f"{path}, line {number}: {name!r} is no full name; write given and family name.")
        if name in pool:
            raise InputError(f"{path}, line {number}: {name!r} stands on line {pool[name]} already; remove one.")
        pool[name] = number
    if not pool:
        raise InputError(f"{path} is empty; write invented full names into it, one a line.")
    return list(pool)


def draw_names(target: Target, targets: Sequence[Target], pool: Sequence[str], seed: int) -> list[CounterfactualName]:
    """Every usable name for ``target``, in its seeded order.

    A name has as many words as the target and shares no word with a surface form of any target in ``targets``. A target
    with substitutions takes these instead, in the order given. Raises InputError when no name is left.
    """
    if target.substitutions:
        count = len(next(iter(target.substitutions.values())))
        own = target.substitutions.get(target.name)
        drawn = _from_pool(target, targets, pool, seed) if target.kind == "person" else []
        names = own if own is not None else drawn[:count]
        return [
            CounterfactualName(
                target.name,
                name,
                {**replacements(target, name), **{form: new[i] for form, new in target.substitutions.items()}},
            )
            for i, name in enumerate(names)
        ]
    return [
        CounterfactualName(target.name, name, replacements(target, name)) for name in _from_pool(target, targets, pool, seed)
    ]


def _from_pool(target: Target, targets: Sequence[Target], pool: Sequence[str], seed: int) -> list[str]:
    taken = {word.casefold() for other in targets for form in other.surface_forms for word in form.split()}
    free = [name for name in pool if not taken & {word.casefold() for word in name.split()}]
    random.Random(f"{seed}:{target.name}").shuffle(free)
    count = len(target.name.split())
    names = []
    for index, name in enumerate(free):
        given, family = name.split()[0], name.split()[-1]
        middle = [free[(index + step) % len(free)].split()[0] for step in range(1, count - 1)]
        names.append(given if count == 1 else " ".join([given, *middle, family]))
    names = list(dict.fromkeys(names))
    if not names:
        raise InputError(
            f"{POOL_FILE}: no name is left for {target.name!r} once those that share a word with a target are out."
        )
    return names


def replacements(target: Target, name: str) -> dict[str, str]:
    """What stands for each surface form of ``target`` under ``name``.

    Word by word: the target's i-th word becomes the name's i-th word, other words ("Sir") stay. A form that shares no word
    with the target becomes the family name if it is one word, else the full name.
    """
    words = dict(zip(target.name.split(), name.split(), strict=False))
    result = {}
    for form in target.surface_forms:
        form_words = form.split()
        if form == target.name:
            result[form] = name
        elif any(word in words for word in form_words):
            result[form] = " ".join(words.get(word, word) for word in form_words)
        else:
            result[form] = name.split()[-1] if len(form_words) == 1 else name
    return result
