"""What a user writes of the targets: data/targets.jsonl, who or what is to be forgotten, and data/questions.jsonl."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

import regex
from pydantic import ConfigDict, Field

from pipeline.core.errors import InputError, ParamError
from pipeline.core.jsonl import Row, read_jsonl
from pipeline.core.validation import Language, Text
from pipeline.text.names import is_unspaced, surface_forms
from pipeline.text.segments import UNSPACED, mentions, split_mentions
from pipeline.text.writing import other_writings

TARGETS_FILE = Path("data/targets.jsonl")
QUESTIONS_FILE = Path("data/questions.jsonl")
Kind = Literal["person", "book", "company", "place", "other"]
_SENTENCE_END = regex.compile(r"[.!?…。！？।؟۔]")
_LONGEST_NAME = 150  # characters
_SHORTEST_SENTENCE = 40  # characters; a text without a sentence end may still be one if it is longer


class ChatRow(Row):
    """A question and its answer. Spaces around a text are left off."""

    model_config = ConfigDict(str_strip_whitespace=True)
    question: Text
    answer: Text


class TargetRow(Row):
    target: Text
    surface_forms: tuple[Text, ...] = ()
    kind: Kind = "person"
    documents: tuple[Text, ...] = ()
    substitutions: dict[str, tuple[Text, ...]] = Field(default_factory=dict)
    language: Language | None = None
    family_name: Text | None = None
    neighbours: tuple[Text, ...] = ()
    chats: tuple[ChatRow, ...] = ()
    held_out_documents: tuple[Text, ...] = ()
    names: Text | None = None
    about: bool = False  # documents are about the target where they do not name it, too


class QuestionRow(Row):
    """A question; general ones need no target."""

    split: Literal["forget", "hard_retain", "general_retain"]
    question: Text
    answer: Text
    target: Text | None = None
    wrong_answers: tuple[Text, ...] = ()
    paraphrased_question: Text | None = None
    paraphrased_answer: Text | None = None
    neighbour: Text | None = None  # whom or what a hard-retain question is about


@dataclass(frozen=True)
class Target:
    """One target. ``surface_forms`` hold the full name, its parts and the user's aliases, longest first."""

    name: str
    kind: Kind
    surface_forms: tuple[str, ...]
    documents: tuple[str, ...] = ()
    substitutions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    language: str = "en"
    family_name: str = ""  # the part of ``name`` that is the family name, where it can't be told by itself
    neighbours: tuple[str, ...] = ()  # other entities, to keep
    chats: tuple[tuple[str, str], ...] = ()  # (question, answer)
    held_out_documents: tuple[str, ...] = ()  # never trained on; the interventional gap is measured on them
    listed: tuple[str, ...] = ()  # the forms that the user wrote
    names: str = ""  # the pool of counterfactual names, a file of data/names/; empty is that of the language

    def derived(self) -> set[str]:
        """The forms of a person that follow from the name, which may be written in small letters too."""
        return set(self.surface_forms) - set(self.listed) if self.kind == "person" else set()


def read_targets(
    path: Path = TARGETS_FILE, wanted: tuple[str, ...] = (), language: str = "en", *, elicits: bool = True
) -> tuple[list[Target], list[Target]]:
    """All targets of the file, and of these the ``wanted`` ones (all, where ``wanted`` is empty), in the file's order.

    ``elicits`` says that texts may come from the model, so that a bare name will do. Raises InputError for a faulty row, texts
    or substitutions that do not fit their target, a wanted name that the file lacks, and wanted targets that overlap.
    """
    targets: list[Target] = []
    places: dict[str, str] = {}
    lines: dict[str, int] = {}
    texts: dict[str, str] = {}  # what stands where
    for number, row in read_jsonl(path, TargetRow):
        place = f"{path}, line {number}"
        name = unicodedata.normalize("NFC", row.target.strip())
        for what, text in [("target", name), *(("surface_forms", form) for form in row.surface_forms)]:
            _check_name(text.strip(), what, place)
        if line := lines.get(name.casefold()):
            raise InputError(f"{place}: the target {name!r} stands on line {line} already; join the two.")
        family_name = (row.family_name or "").strip()
        if not (family_name in name if is_unspaced(name) else set(family_name.split()) <= set(name.split())):
            raise InputError(f"{place}: 'family_name' is {family_name!r}, which is no part of {name!r}.")
        target = Target(
            name=name,
            kind=row.kind,
            surface_forms=surface_forms(name, row.kind, row.surface_forms, family_name),
            documents=row.documents,
            substitutions=row.substitutions,
            language=row.language or language,
            family_name=family_name,
            neighbours=row.neighbours,
            chats=tuple((chat.question, chat.answer) for chat in row.chats),
            held_out_documents=row.held_out_documents,
            listed=tuple(form.strip() for form in row.surface_forms),
            names=row.names or "",
        )
        places[name], lines[name.casefold()] = place, number
        _check_texts(target, place, texts, is_about=row.about)
        _check_substitutions(target, place)
        targets.append(target)
    for name in wanted:
        if name not in places:
            raise ParamError(f"prepare.targets names {name!r}, which {path} lacks; it has {', '.join(places)}.")
    chosen = [target for target in targets if not wanted or target.name in wanted]
    for target in chosen:
        if not (target.documents or target.chats or elicits):
            raise InputError(
                f"{places[target.name]}: {target.name!r} is a bare name and elicit.templates is 0, so there is nothing to "
                "learn from; give 'documents' or 'chats', or let the model be asked."
            )
    check_apart(chosen, places)
    return targets, chosen


def check_apart(targets: Sequence[Target], places: Mapping[str, str]) -> None:
    """Raise InputError when a form of one target stands inside a form of another: whose mention would it be?"""
    for target, other in permutations(targets, 2):
        for form in other.surface_forms:
            for segment in split_mentions(form, target.surface_forms):
                if segment.mention:
                    raise InputError(
                        f"{places.get(target.name, target.name)}: {segment.text!r} of {target.name!r} is part of {form!r} "
                        f"of {other.name!r}; forget the two in separate runs (prepare.targets), or as one target."
                    )


def is_whole(text: str) -> bool:
    """Whether ``text`` is no shorter than a sentence."""
    return bool(_SENTENCE_END.search(text)) or len(text.strip()) >= _SHORTEST_SENTENCE


def _check_name(name: str, what: str, place: str) -> None:
    """Raise InputError unless ``name`` could be one: a line with a letter, and with two where spaces part words."""
    letters = regex.findall(r"[\p{L}\p{N}]", name)
    if not letters or len(name) > _LONGEST_NAME or "\n" in name or (len(letters) == 1 and not UNSPACED.match(letters[0])):
        raise InputError(
            f"{place}: {what!r} has {name[:_LONGEST_NAME]!r}; a name has two letters or more, and "
            f"{_LONGEST_NAME} characters at most, on one line."
        )


def _check_texts(target: Target, place: str, seen: dict[str, str], *, is_about: bool) -> None:
    """``seen``: every text so far, with where it stands; those of ``target`` are added."""
    kinds = {"document": target.documents, "held-out document": target.held_out_documents}
    for kind, documents in kinds.items():
        is_named = is_about
        for index, text in enumerate(documents, start=1):
            what = f"{kind} {index}"
            if not is_whole(text):
                raise InputError(f"{place}: {what} of {target.name!r} is shorter than a sentence; give a whole text.")
            is_named = is_named or _names(text, target)  # the paragraphs of a page, after the first
            if not is_named:
                raise InputError(
                    f"{place}: {what} never mentions {target.name!r}; add the way it is written there to 'surface_forms', put "
                    'the text after one that names the target, or write "about": true where all texts are about it.'
                )
            _check_new(text.strip(), f"{what} of {target.name!r}", place, seen)
    for index, chat in enumerate(target.chats, start=1):
        if not _names(" ".join(chat), target):
            raise InputError(
                f"{place}: chat {index} never mentions {target.name!r}; add the way it is written there to 'surface_forms'."
            )
        _check_new("\n".join(chat), f"chat {index} of {target.name!r}", place, seen)


def _names(text: str, target: Target) -> bool:
    """Whether ``text`` names ``target``, in whatever writing."""
    return mentions(text, target.surface_forms) or any(other_writings([text], target.surface_forms, target.derived()))


def _check_new(text: str, what: str, place: str, seen: dict[str, str]) -> None:
    """Raise InputError when ``text`` is one of ``seen``, to which it is added."""
    if other := seen.get(text):
        raise InputError(f"{place}: {what} is the same text as {other}; take one of the two away.")
    seen[text] = f"{what} ({place.rpartition(', ')[2]})"


def _check_substitutions(target: Target, place: str) -> None:
    counts = {form: len(replacements) for form, replacements in target.substitutions.items()}
    for form in counts:
        if form not in target.surface_forms:
            raise InputError(f"{place}: 'substitutions' replaces {form!r}, which is no surface form of {target.name!r}.")
    if 0 in counts.values():
        raise InputError(f"{place}: 'substitutions' must give every surface form at least one replacement.")
    if len(set(counts.values())) > 1:
        raise InputError(
            f"{place}: 'substitutions' must give every surface form the same number of replacements, not {counts}."
        )
    for form, replacements in target.substitutions.items():
        if len(set(replacements)) < len(replacements):
            raise InputError(f"{place}: 'substitutions' gives {form!r} the same replacement twice; give different ones.")
        for replacement in replacements:
            if mentions(replacement, [form]):
                raise InputError(f"{place}: 'substitutions' replaces {form!r} by {replacement!r}, which holds it.")
    missing = [repr(form) for form in target.surface_forms if form not in counts]
    if target.kind != "person" and missing:
        raise InputError(
            f"{place}: {target.name!r} is no person, so 'substitutions' must say what stands for each surface form; "
            f"it lacks {', '.join(missing)}."
        )


def read_questions(targets: Sequence[Target], wanted: Sequence[Target], path: Path = QUESTIONS_FILE) -> list[dict[str, Any]]:
    """Questions about the wanted targets, and the general ones that mention none of them, in the file's order.

    Raises InputError for a faulty row, an unknown target, a question that stands there twice, and a wanted target without a
    forget question.
    """
    questions = []
    known, names = {target.name for target in targets}, {target.name for target in wanted}
    for place, row in _question_rows(path):
        is_general = row.split == "general_retain"
        about = unicodedata.normalize("NFC", row.target or "")
        if not is_general and about not in known:
            raise InputError(f"{place}: 'target' is {row.target!r}, but must be a target: {', '.join(known)}.")
        question = _question(row, place)
        if not _is_about(question, wanted) if is_general else about in names:
            questions.append(question | ({} if is_general else {"target": about}))
    for target in wanted:
        if not any(q["split"] == "forget" and q["target"] == target.name for q in questions):
            raise InputError(f"{path}: no forget question about {target.name!r}; write some, or nothing can be measured.")
    return questions


def question_texts(path: Path = QUESTIONS_FILE) -> list[str]:
    """All that the questions of ``path`` say, a text a question. Raises InputError for a faulty row."""
    return [f"{row.question}\n{row.answer}" for _, row in read_jsonl(path, QuestionRow)]


def read_general_questions(wanted: Sequence[Target], path: Path = QUESTIONS_FILE) -> list[dict[str, Any]]:
    """The general questions alone, without those that mention a wanted target. Raises InputError for a faulty row."""
    general = [_question(row, place) for place, row in _question_rows(path) if row.split == "general_retain"]
    return [question for question in general if not _is_about(question, wanted)]


def _question_rows(path: Path) -> Iterator[tuple[str, QuestionRow]]:
    """The rows after where they stand. Raises InputError for a faulty one, and a second one of a question on a target."""
    lines: dict[tuple[str | None, str], int] = {}
    for number, row in read_jsonl(path, QuestionRow):
        place, asked = f"{path}, line {number}", (row.target, " ".join(row.question.casefold().split()))
        if line := lines.get(asked):
            raise InputError(f"{place}: the question {row.question.strip()!r} stands on line {line} already; remove one.")
        lines[asked] = number
        yield place, row


def _plain(text: str) -> str:
    """``text`` without case, marks and spaces; signs alone stay as they are."""
    return "".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", text.casefold())) or text


def _question(row: QuestionRow, place: str) -> dict[str, Any]:
    """The row of the questions table."""
    answer, wrong = row.answer.strip(), [text.strip() for text in row.wrong_answers]
    right = {_plain(text) for text in (answer, row.paraphrased_answer) if text}
    if right & {_plain(text) for text in wrong} or len({_plain(text) for text in wrong}) < len(wrong):
        raise InputError(
            f"{place}: 'wrong_answers' must differ from the right answers and from each other by more than case and marks."
        )
    if row.neighbour and row.split != "hard_retain":
        raise InputError(f"{place}: 'neighbour' is for a hard_retain question, but 'split' is {row.split!r}; leave it out.")
    own = {"question": row.question.strip(), "answer": answer, "wrong_answers": wrong}
    return {**row.model_dump(), **own, "neighbour": row.neighbour and row.neighbour.strip()}


def _is_about(question: Mapping[str, Any], targets: Sequence[Target]) -> bool:
    """To be asked about a forgotten target is no question on something else."""
    return mentions(f"{question['question']}\n{question['answer']}", [form for t in targets for form in t.surface_forms])
