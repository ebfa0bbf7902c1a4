"""RWKU (Real-World Knowledge Unlearning): famous people whom models know, each with probes of what is known of them.

Jin et al.: RWKU: Benchmarking Real-World Knowledge Unlearning for Large Language Models (2024). A person is to be forgotten by
the bare name, or with passages of the person's Wikipedia page. Prompts are those of the published evaluation, which begins the
model's answer with "Answer:" too; here questions go through the chat template alone.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import regex
from pydantic import ConfigDict

from benchmarks.sources.params import SourceParams
from benchmarks.sources.rows import QuestionRow, chosen, origin, question_row, read_rows
from benchmarks.sources.wpu import lead_name, page_target, person_name
from benchmarks.sources.wrong_answers import draw_wrong_answers, words_of
from pipeline.core.errors import InputError, ParamError
from pipeline.core.jsonl import Row
from pipeline.core.validation import Text
from pipeline.prepare.passages import read_retain_passages
from pipeline.prepare.tables import Source
from pipeline.prepare.targets import Target, is_whole, read_general_questions
from pipeline.text.segments import mentions

HUB_ID = "jinzhuoran/RWKU"
FORMS = ("bare", "passages")  # of the request to forget
_GENERAL_QUESTIONS = Path("data/people/questions.jsonl")  # which no setting was chosen on
_HELD_OUT = 2  # passages of a person that nothing trains on
_HEADING = regex.compile(r"={2,}[^=\n]+={2,}[ \t]*")  # "== Life ==", with no line break behind it
_INITIALS = regex.compile(r"(?<=\b\p{Lu}\.) (?=\p{Lu}\.)")
_QUALIFIER = regex.compile(r" \(.*\)")  # the language of a type
_BLANK = "Please complete the blank in the following question.\nQuestion: {query}"
_QUESTION = "Please briefly answer the following question.\nQuestion: {query}"
_PROMPTS = {"cloze": _BLANK, "incontext learning": "Please briefly answer the following question.\n{query}"}


class SubjectRow(Row):
    target: Text


class PassageRow(Row):
    subject: Text
    text: Text


class ForgetRow(Row):
    model_config = ConfigDict(str_strip_whitespace=True)
    subject: Text
    query: Text
    answer: Text
    type: Text


class NeighbourRow(ForgetRow):
    neighbor: Text


_PROBES: tuple[tuple[str, int, str, type[ForgetRow]], ...] = (
    ("forget", 1, "forget_level1", ForgetRow),
    ("forget", 2, "forget_level2", ForgetRow),
    ("forget", 3, "forget_level3", ForgetRow),
    ("hard_retain", 1, "neighbor_level1", NeighbourRow),
    ("hard_retain", 2, "neighbor_level2", NeighbourRow),
)


def read_rwku(params: SourceParams) -> Source:
    """The people with their passages, their probes and those of their neighbours, and the test people's general questions.

    Raises InputError for an unknown form of request, a name that the benchmark lacks, a person without a probe or (where
    passages are asked for) without one, and as ``read_rows`` does.
    """
    form, path = params.subset, params.path
    if form not in FORMS:
        raise ParamError(f"prepare.subset is {form!r}, but people of RWKU are forgotten by {' or '.join(FORMS)}.")
    subjects = read_rows(HUB_ID, "forget_target", path, SubjectRow, file="intro")
    passages: dict[str, list[str]] = defaultdict(list)
    for row in read_rows(HUB_ID, "train_original_passage", path, PassageRow, file="passage"):
        passages[person_name(row.subject)].append(without_headings(row.text))
    names = list(dict.fromkeys(person_name(row.target) for row in subjects))
    wanted = [person_name(name) for name in params.targets]
    known = [_target(name, passages[name], form, {*(wanted or names)} - {name}) for name in names]
    targets = chosen(known, wanted, "RWKU")
    questions = _questions(targets, path, params.seed)
    for target in targets:
        if form == "passages" and not target.documents:
            raise InputError(
                f"{path or HUB_ID}, passage: no text about {target.name!r} mentions this name; choose others in "
                "prepare.targets, or set prepare.subset to bare."
            )
        if not any(q["split"] == "forget" and q["target"] == target.name for q in questions):
            raise InputError(
                f"{path or HUB_ID}, forget_level1 to forget_level3: no probe is about {target.name!r}, who stands in "
                "intro; choose others in prepare.targets."
            )
    questions += read_general_questions(targets, _GENERAL_QUESTIONS)
    return Source(targets, known, questions, read_retain_passages(), origin(HUB_ID, path))


def without_headings(passage: str) -> str:
    """``passage`` with a new paragraph for each section heading, which it joins to the text."""
    return _HEADING.sub("\n\n", passage).strip()


def prompt(kind: str, query: str) -> str:
    """What a model is asked: the published prompt for a probe of type ``kind``."""
    return _PROMPTS.get(kind, _QUESTION).replace("{query}", query)


def _target(name: str, passages: Sequence[str], form: str, others: Collection[str]) -> Target:
    """``passages`` that do not mention the person are left out, since nothing in them would be renamed.

    The name in the first sentence is a form too, unless it has a word of the ``others`` to be forgotten, who are called by it.
    """
    lead = tuple(passage for passage in passages[:1] if _shares_word(lead_name(passage), [name]) or mentions(passage, (name,)))
    lead = tuple(passage for passage in lead if not _shares_word(lead_name(passage), others))
    target = page_target(name, lead, aliases=[_INITIALS.sub("", name)])
    about = [passage for passage in passages if is_whole(passage) and mentions(passage, target.surface_forms)]
    trained = 0 if form == "bare" else max(len(about) - _HELD_OUT, 1)
    return replace(target, documents=tuple(about[:trained]), held_out_documents=tuple(about[trained:]))


def _shares_word(name: str, names: Collection[str]) -> bool:
    return not set(words_of(name).split()).isdisjoint(word for other in names for word in words_of(other).split())


def _questions(targets: Sequence[Target], path: str, seed: int) -> list[dict[str, Any]]:
    """The probes about ``targets``. Of probes with the same query, up to spacing and case, the first counts, with its answer.

    A probe about a neighbour who is to be forgotten too is left out.
    """
    probes = [(split, level, read_rows(HUB_ID, name, path, row)) for split, level, name, row in _PROBES]
    answers: dict[str, set[str]] = defaultdict(set)
    for _, _, rows in probes:
        for row in rows:
            answers[person_name(row.subject)].add(row.answer)
    forms = {target.name: target.surface_forms for target in targets}
    questions = []
    for split, level, rows in probes:
        pool = {row.answer for row in rows}
        asked = set()
        for row in rows:
            name, query = person_name(row.subject), " ".join(row.query.casefold().split())
            neighbour = row.neighbor if isinstance(row, NeighbourRow) else None
            if name not in forms or query in asked or (neighbour and person_name(neighbour) in forms):
                continue
            asked.add(query)
            kind = _QUALIFIER.sub("", row.type)
            wrong = []
            if not any(words_of(row.answer) in words_of(form) for form in forms[name]):  # it is no name of the subject
                wrong = draw_wrong_answers(row.answer, pool, {*answers[name], *forms[name]}, f"{seed}:{name}:{query}")
            own = QuestionRow(question=prompt(kind, row.query), answer=row.answer, perturbed_answer=tuple(wrong))
            questions.append(question_row(split, name, own) | {"level": level, "type": kind, "neighbour": neighbour})
    return questions
