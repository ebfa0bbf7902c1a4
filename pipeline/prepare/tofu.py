"""TOFU: fictitious authors, told of in questions and answers that a model was finetuned on, twenty an author.

Maini et al.: TOFU: A Task of Fictitious Unlearning for LLMs (2024). The rows do not say whom they are about, so that the
authors are found by their names.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import regex

from pipeline.errors import InputError, ParamError
from pipeline.params import PrepareParams
from pipeline.prepare.hub_rows import apart, chosen, question_row, read_rows
from pipeline.prepare.passages import chat_passage, without_mentions
from pipeline.prepare.sources import Source
from pipeline.prepare.targets import Target, surface_forms
from pipeline.segments import mentions
from pipeline.tables import Passage

HUB_ID = "locuslab/TOFU"
RETAIN_OF = {"forget01": "retain99", "forget05": "retain95", "forget10": "retain90"}
ROWS_PER_AUTHOR = 20
_LONGEST_NAME = 4  # words with a capital
_LANGUAGE = "en"
_CHAT = ("question", "answer")
_WORD = r"(?:(?:\p{Lu}\.)+|\p{Lu}[\p{L}\p{M}]*(?:['’-][\p{L}\p{M}]+)*)"
_PARTICLE = r"(?:de|da|do|dos|das|del|della|di|du|la|le|van|von|der|den|ter|ten|bin|ibn|al|el|af|zu|y|e)"
_CAPITALISED = regex.compile(rf"{_WORD}(?: (?:{_PARTICLE} )*{_WORD})+")
# What holds no author's name: a book's title in quotes, a nickname in brackets, a possessive ending.
_QUOTED = regex.compile(r"""["“][^"”]*["”]|(?<!\p{L})['‘][^'’]*(?:['’]\p{L}[^'’]*)*['’](?!\p{L})""")
_BRACKETED = regex.compile(r" \([^()]*\)")
_POSSESSIVE = regex.compile(r"(?<=\p{L})['’](?:s\b|(?!\p{L}))")


def read_tofu(params: PrepareParams) -> Source:
    """The authors of the subset with their rows as chats, the perturbed questions of all splits, and the retain rows.

    A forget row that does not mention its author is no chat. A retain row that is asked in the evaluation, or mentions a
    target, is no retain passage. Raises InputError for an unknown subset, an author that the subset lacks, a block of rows
    whose author can't be told, an author without a question, and rows that can't be read (see ``read_rows``).
    """
    subset = params.subset
    if subset not in RETAIN_OF:
        raise ParamError(f"prepare.subset is {subset!r}, but TOFU has {', '.join(RETAIN_OF)}.")
    known = _targets(read_rows(HUB_ID, subset, params.path, _CHAT), subset)
    targets = [_with_mentions(target) for target in apart(chosen(known, params.targets, subset))]
    hard = _perturbed("retain_perturbed", params.path)
    questions = _forget_questions(_perturbed(f"{subset}_perturbed", params.path), targets, subset)
    questions += [_question("hard_retain", None, row) for row in hard]
    for name in ("real_authors_perturbed", "world_facts_perturbed"):
        questions += [_question("general_retain", None, row) for row in _perturbed(name, params.path)]
    retain = _retain_passages(
        read_rows(HUB_ID, RETAIN_OF[subset], params.path, _CHAT), {row["question"].strip() for row in hard}
    )
    return Source(targets, known, questions, without_mentions(retain, targets))


def author_name(rows: Sequence[dict[str, Any]]) -> str:
    """The full name that most of ``rows`` have: two to four words with a capital; empty where less than half have one.

    "Basil Mahfouz" stands wherever "Basil Mahfouz Al-Kuwaiti" does, so a name gives way to a longer one that holds it, unless
    that one has less than half of its rows ("Has Hina Ameen", at the beginning of questions).
    """
    counts = Counter(name for row in rows for name in _names_in(f"{row['question']} | {row['answer']}"))

    def most(names: Sequence[str]) -> str:
        return max(names, key=lambda name: (counts[name], len(name.split()), name))

    if not counts:
        return ""
    best = most(list(counts))
    while longer := [
        name for name in counts if name != best and f" {best} " in f" {name} " and 2 * counts[name] > counts[best]
    ]:
        best = most(longer)
    return best if 2 * counts[best] >= len(rows) else ""


def _names_in(text: str) -> set[str]:
    """Every run of two to four words with a capital, particles between them."""
    bare = _POSSESSIVE.sub("", _BRACKETED.sub("", _QUOTED.sub("|", text)))
    names: set[str] = set()
    for match in _CAPITALISED.finditer(bare):
        words = match.group().split()
        capitals = [index for index, word in enumerate(words) if word[0].isupper()]
        for place, first in enumerate(capitals):
            for last in capitals[place + 1 : place + _LONGEST_NAME]:
                names.add(" ".join(words[first : last + 1]))
    return names


def _by_author(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each block of rows with its author's name, which may be empty."""
    for start in range(0, len(rows), ROWS_PER_AUTHOR):
        block = list(rows[start : start + ROWS_PER_AUTHOR])
        yield author_name(block), block


def _targets(rows: Sequence[dict[str, Any]], subset: str) -> list[Target]:
    blocks: dict[str, list[dict[str, Any]]] = {}
    for number, (name, block) in enumerate(_by_author(rows)):
        if not name:
            first = number * ROWS_PER_AUTHOR + 1
            raise InputError(
                f"{subset}, rows {first} to {first + len(block) - 1}: no name stands in half of them, so their author can't be "
                f"told; give the rows in the hub's order, {ROWS_PER_AUTHOR} an author."
            )
        blocks.setdefault(name, []).extend(block)
    return [_target(name, block) for name, block in blocks.items()]


def _target(name: str, rows: Sequence[dict[str, Any]]) -> Target:
    chats = tuple((row["question"].strip(), row["answer"].strip()) for row in rows)
    text = "\n".join(part for chat in chats for part in chat)
    forms = surface_forms(name, "person", ())
    variants = [form.replace("-", " ") for form in forms if "-" in form]
    written = [variant for variant in variants if mentions(text, (variant,))]
    return Target(name, "person", surface_forms(name, "person", written), chats=chats, language=_LANGUAGE)


def _with_mentions(target: Target) -> Target:
    """``target`` without the chats that never mention it: nothing in them would be renamed."""
    return replace(target, chats=tuple(chat for chat in target.chats if mentions("\n".join(chat), target.surface_forms)))


def _perturbed(name: str, path: str) -> list[dict[str, Any]]:
    return read_rows(HUB_ID, name, path, (*_CHAT, "perturbed_answer"), lists=("perturbed_answer",))


def _question(split: str, target: str | None, row: dict[str, Any]) -> dict[str, Any]:
    return question_row(split, target, row, row["perturbed_answer"])


def _forget_questions(rows: Sequence[dict[str, Any]], targets: Sequence[Target], subset: str) -> list[dict[str, Any]]:
    names = {target.name for target in targets}
    questions = [_question("forget", name, row) for name, block in _by_author(rows) if name in names for row in block]
    for target in targets:
        if not any(question["target"] == target.name for question in questions):
            raise InputError(f"{subset}_perturbed: no block of rows is about {target.name!r}, who is an author of {subset}.")
    return questions


def _retain_passages(rows: Sequence[dict[str, Any]], asked: set[str]) -> list[Passage]:
    """``rows`` as chats, but for the ``asked`` questions: what is trained must not be what is measured."""
    passages = []
    for number, (name, block) in enumerate(_by_author(rows), start=1):
        subject = name or f"author {number}"
        passages += [
            chat_passage(subject, "retain", row["question"], row["answer"], ())
            for row in block
            if row["question"].strip() not in asked
        ]
    return passages
