"""The whole of prepare: texts to passages, names drawn, questions checked, written as the tables of a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError, ParamError
from pipeline.core.files import is_folder, published_folder, write_json
from pipeline.core.outputs import ORIGIN
from pipeline.prepare.forms import describe, removed_by, with_cares
from pipeline.prepare.names import draw_names, pool_file, read_pool
from pipeline.prepare.params import PrepareParams
from pipeline.prepare.passages import (
    RETAIN_FILE,
    find_neighbours,
    forget_passages,
    held_out_passages,
    read_retain_passages,
    without_mentions,
)
from pipeline.prepare.tables import SPLITS, Source, TargetFacts, limited, write_question_rows, write_targets_table
from pipeline.prepare.targets import (
    QUESTIONS_FILE,
    TARGETS_FILE,
    question_texts,
    read_general_questions,
    read_questions,
    read_targets,
)
from pipeline.text.names import write_names
from pipeline.text.passages import Passage, write_passages
from pipeline.text.segments import mentions, text_of

FILES = [TARGETS_FILE, QUESTIONS_FILE, RETAIN_FILE]


def prepare(source: Source, output: Path, seed: int) -> Iterator[str]:
    """Write ``output`` and yield lines that say what it holds. Raises InputError for names that can't be drawn."""
    names = [n for t in source.targets for n in draw_names(t, source.known, read_pool(pool_file(t)), seed)]
    forget, held_out = forget_passages(source.targets), held_out_passages(source.targets)
    facts = [TargetFacts(t.name, t.kind, t.language, t.surface_forms, find_neighbours(t)) for t in source.targets]
    with published_folder(output) as folder:
        write_targets_table(folder, facts)
        write_passages(folder, [*forget, *source.retain, *held_out])
        write_names(folder, names)
        write_question_rows(folder, source.questions)
        if source.origin:
            write_json(folder / ORIGIN, source.origin)
    yield f"{output}: {', '.join(target.name for target in source.targets)}"
    if source.origin:
        yield "{source} at commit {commit}".format_map(source.origin)
    yield (
        f"{len(forget)} forget sentences and chats, {len(source.retain)} retain passages, {len(names)} names, "
        f"{len(source.questions)} questions"
    )
    for target in source.targets:
        asked = [q["question"] for q in source.questions if q["split"] == "forget" and q["target"] == target.name]
        yield from describe(target, asked, source.removed)


def read_files(params: PrepareParams, *, elicits: bool) -> Source:
    """The user's own files, with no more than the limits. Raises InputError for whatever is wrong with them.

    ``elicits``: a target may be a bare name.
    """
    if params.path and not is_folder(Path(params.path)):
        raise ParamError(f"prepare.path is {params.path!r}, which is no folder; give one that holds the files.")
    files = [path if (path := Path(params.path) / file.name).exists() else file for file in FILES] if params.path else FILES
    if params.path and files == FILES:
        names = ", ".join(file.name for file in FILES)
        raise ParamError(f"prepare.path is {params.path!r}, but that folder holds none of {names}.")
    targets_file, questions_file, retain_file = files
    known, targets = read_targets(targets_file, params.targets, params.language, elicits=elicits)
    source = Source(targets, known, read_questions(known, targets, questions_file), read_retain_passages(retain_file))
    offered = asked_texts(read_general_questions([], questions_file))
    cure = "take it out of 'surface_forms', or give a fuller name as 'target'"
    return settled(source, params, question_texts(questions_file), offered, str(targets_file), cure)


def settled(
    source: Source, params: PrepareParams, asked: Sequence[str], offered: Sequence[str], place: str, cure: str
) -> Source:
    """``source`` with what its texts say of its targets' forms, without what mentions a target, within the limits.

    ``asked`` are the texts of all its questions, ``offered`` those of questions that may go for the sake of a form; ``place``
    and ``cure`` are for an error about a form that takes too much. Raises InputError for such a form, for a neighbour that is
    the target itself, and where the limits leave a target without a forget question.
    """
    about = [[*t.documents, *t.held_out_documents, *map("\n".join, t.chats)] for t in source.targets]
    others = [*asked, *_texts(source.retain)]
    targets = [with_cares(target, [*texts, *others]) for target, texts in zip(source.targets, about, strict=True)]
    for target in targets:
        if itself := [name for name in target.neighbours if mentions(name, target.surface_forms)]:
            raise InputError(f"{place}: 'neighbours' of {target.name!r} has {itself[0]!r}, which names it; take it out.")
    removed = removed_by(targets, _texts(source.retain), offered, place, cure)
    retain = limited(without_mentions(source.retain, targets), params.retain_limit, params.seed)
    questions = []
    for split in SPLITS:
        own = [question for question in source.questions if question["split"] == split]
        questions += limited(own, params.questions_per_split, params.seed)
    for target in targets:
        if not any(question["split"] == "forget" and question["target"] == target.name for question in questions):
            raise ParamError(
                f"prepare.questions_per_split is {params.questions_per_split}, which leaves no forget question about "
                f"{target.name!r}, and nothing to measure; raise it, or set it to 0 for all."
            )
    return replace(source, targets=targets, questions=questions, retain=retain, removed=removed)


def _texts(passages: Sequence[Passage]) -> list[str]:
    return [text_of((*passage.question, *passage.segments)) for passage in passages]


def asked_texts(questions: Sequence[dict[str, Any]]) -> list[str]:
    """Each question with its right answer, as one text."""
    return [f"{question['question']}\n{question['answer']}" for question in questions]
