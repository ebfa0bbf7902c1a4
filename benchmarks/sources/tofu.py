"""TOFU: fictitious authors, told of in questions and answers that a model was finetuned on, twenty an author.

Maini et al.: TOFU: A Task of Fictitious Unlearning for LLMs (2024). The rows do not say whom they are about, so that the
authors are found by their names.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import regex

from benchmarks.sources.params import SourceParams
from benchmarks.sources.rows import ChatRow, QuestionRow, chosen, origin, question_row, read_rows
from pipeline.core.errors import InputError, ParamError
from pipeline.prepare.tables import Source
from pipeline.prepare.targets import Target
from pipeline.text.names import parts_of, surface_forms
from pipeline.text.passages import chat_passage
from pipeline.text.segments import mentions, split_mentions

HUB_ID = "locuslab/TOFU"
RETAIN_OF = {"forget01": "retain99", "forget05": "retain95", "forget10": "retain90"}
ROWS_PER_AUTHOR = 20
C = TypeVar("C", bound=ChatRow)
_LONGEST_NAME = 4  # words with a capital
_WORD = r"(?:(?:\p{Lu}\.)+|\p{Lu}[\p{L}\p{M}]*(?:['’-][\p{L}\p{M}]+)*)"
_PARTICLE = r"(?:de|da|do|dos|das|del|della|di|du|la|le|van|von|der|den|ter|ten|bin|ibn|al|el|af|zu|y|e)"
_CAPITALISED = regex.compile(rf"{_WORD}(?: (?:{_PARTICLE} )*{_WORD})+")
# What holds no author's name: a book's title in quotes, a nickname in brackets, a possessive ending.
_QUOTED = regex.compile(r"""["“][^"”]*["”]|(?<!\p{L})['‘][^'’]*(?:['’]\p{L}[^'’]*)*['’](?!\p{L})""")
_BRACKETED = regex.compile(r" \([^()]*\)")
_POSSESSIVE = regex.compile(r"(?<=\p{L})['’](?:s\b|(?!\p{L}))")


class PerturbedRow(QuestionRow):
    perturbed_answer: tuple[str, ...]


def retain_set_of(subset: str) -> str:
    """The set of the rows that are not in ``subset``. Raises InputError for an unknown subset."""
    if subset not in RETAIN_OF:
        raise ParamError(f"prepare.subset is {subset!r}, but TOFU has {', '.join(RETAIN_OF)}.")
    return RETAIN_OF[subset]


def read_tofu(params: SourceParams) -> Source:
    """The authors of the subset with their rows as chats, the perturbed questions of all splits, and the retain rows.

    A forget row that does not mention its author is no chat. A retain row that is asked in the evaluation, or mentions a
    target, is no retain passage: what is trained must not be what is measured. Raises InputError for an unknown subset or
    author, an author without a question or whose name can't be told, and as ``read_rows`` does.
    """
    subset, path = params.subset, params.path
    retain_set = retain_set_of(subset)
    known = _targets(read_rows(HUB_ID, subset, path, ChatRow), subset)
    targets = [
        # Chats that never mention their target would be taught as they are: nothing in them is renamed.
        replace(target, chats=tuple(chat for chat in target.chats if mentions("\n".join(chat), target.surface_forms)))
        for target in chosen(known, params.targets, subset)
    ]
    splits = {
        "retain_perturbed": "hard_retain",
        "real_authors_perturbed": "general_retain",
        "world_facts_perturbed": "general_retain",
    }
    others = [
        question_row(split, None, row) for name, split in splits.items() for row in read_rows(HUB_ID, name, path, PerturbedRow)
    ]
    perturbed = _by_author(read_rows(HUB_ID, f"{subset}_perturbed", path, PerturbedRow))
    names = [target.name for target in targets]
    questions = [question_row("forget", name, row) for name, block in perturbed if name in names for row in block]
    missing = [name for name in names if not any(question["target"] == name for question in questions)]
    if missing:
        raise InputError(f"{subset}_perturbed: no block of rows is about {missing[0]!r}, who is an author of {subset}.")
    asked = {question["question"] for question in others if question["split"] == "hard_retain"}
    retain = [
        chat_passage(name or f"author {number}", "retain", row.question, row.answer, ())
        for number, (name, block) in enumerate(_by_author(read_rows(HUB_ID, retain_set, path, ChatRow)), start=1)
        for row in block
        if row.question not in asked
    ]
    return Source(targets, known, questions + others, retain, origin(HUB_ID, path))


def author_name(rows: Sequence[ChatRow]) -> str:
    """The full name that most of ``rows`` have: two to four words with a capital; empty where less than half have one.

    "Basil Mahfouz" stands wherever "Basil Mahfouz Al-Kuwaiti" does, so a name gives way to a longer one that holds it, unless
    that one has less than half of its rows ("Has Hina Ameen", at the beginning of questions).
    """
    counts = Counter(name for row in rows for name in _names_in(f"{row.question} | {row.answer}"))
    best, candidates = "", list(counts)
    while candidates:
        best = max(candidates, key=lambda name: (counts[name], len(name.split()), name))
        candidates = [
            name for name in counts if name != best and f" {best} " in f" {name} " and 2 * counts[name] > counts[best]
        ]
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


def _by_author(rows: Sequence[C]) -> Iterator[tuple[str, list[C]]]:
    """Each block of rows with its author's name, which may be empty."""
    for start in range(0, len(rows), ROWS_PER_AUTHOR):
        block = list(rows[start : start + ROWS_PER_AUTHOR])
        yield author_name(block), block


def _targets(rows: Sequence[ChatRow], subset: str) -> list[Target]:
    blocks: dict[str, list[ChatRow]] = {}
    for number, (name, block) in enumerate(_by_author(rows)):
        if not name:
            first = number * ROWS_PER_AUTHOR + 1
            raise InputError(
                f"{subset}, rows {first} to {first + len(block) - 1}: no name stands in half of them, so their author can't be "
                f"told; give the rows in the hub's order, {ROWS_PER_AUTHOR} an author."
            )
        blocks.setdefault(name, []).extend(block)
    return [_target(name, block) for name, block in blocks.items()]


def _target(name: str, rows: Sequence[ChatRow]) -> Target:
    chats = tuple((row.question, row.answer) for row in rows)
    text = "\n".join(part for chat in chats for part in chat)
    variants = [form.replace("-", " ") for form in surface_forms(name, "person", ()) if "-" in form]
    variants.append(" ".join(parts_of(name).of("given", "middle")))  # an author may be called so, without the family name
    found = {segment.text for variant in variants for segment in split_mentions(text, (name, variant)) if segment.mention}
    written = [variant for variant in variants if variant in found]
    return Target(name, "person", surface_forms(name, "person", written), chats=chats, language="en")
