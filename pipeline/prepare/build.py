"""The whole of prepare: texts to passages, names drawn, questions checked, written as the tables of a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.core.errors import ParamError
from pipeline.core.files import is_folder, published_folder, write_json
from pipeline.core.outputs import ORIGIN
from pipeline.prepare.forms import describe, removed_by, with_cares
from pipeline.prepare.hub_rows import hub_commit
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
from pipeline.prepare.rwku import read_rwku
from pipeline.prepare.tables import SPLITS, Source, TargetFacts, limited, write_question_rows, write_targets_table
from pipeline.prepare.targets import (
    QUESTIONS_FILE,
    TARGETS_FILE,
    Target,
    check_apart,
    question_texts,
    read_general_questions,
    read_questions,
    read_targets,
)
from pipeline.prepare.tofu import read_tofu
from pipeline.prepare.wpu import read_wpu
from pipeline.text.names import write_names
from pipeline.text.passages import Passage, write_passages
from pipeline.text.segments import text_of

FILES = [TARGETS_FILE, QUESTIONS_FILE, RETAIN_FILE]


def prepare(params: PrepareParams, output: Path, *, elicits: bool, retain: Sequence[Passage] | None = None) -> Iterator[str]:
    """Write ``output`` and yield lines that say what it holds.

    ``elicits``: a target may be a bare name. ``retain``: retain passages in the place of the source's own. Raises InputError
    for whatever is wrong with the input.
    """
    source = read_source(params, elicits=elicits)
    kept = source.retain if retain is None else retain
    names = [n for t in source.targets for n in draw_names(t, source.known, read_pool(pool_file(t)), params.seed)]
    forget, held_out = forget_passages(source.targets), held_out_passages(source.targets)
    facts = [TargetFacts(t.name, t.kind, t.language, t.surface_forms, find_neighbours(t)) for t in source.targets]
    with published_folder(output) as folder:
        write_targets_table(folder, facts)
        write_passages(folder, [*forget, *kept, *held_out])
        write_names(folder, names)
        write_question_rows(folder, source.questions)
        if source.hub_id:
            write_json(folder / ORIGIN, {"source": source.hub_id, "commit": hub_commit(source.hub_id)})
    yield f"{output}: {', '.join(target.name for target in source.targets)}"
    if source.hub_id:
        yield f"{source.hub_id} at commit {hub_commit(source.hub_id)}"
    yield (
        f"{len(forget)} forget sentences and chats, {len(kept)} retain passages, {len(names)} names, "
        f"{len(source.questions)} questions"
    )
    for target in source.targets:
        asked = [q["question"] for q in source.questions if q["split"] == "forget" and q["target"] == target.name]
        yield from describe(target, asked, source.removed)


def read_source(params: PrepareParams, *, elicits: bool) -> Source:
    """Read what ``params.source`` names, with no more than the limits. Raises InputError for whatever is wrong with it."""
    if params.source == "files":
        if params.subset:
            raise ParamError("prepare.subset is for a benchmark, but prepare.source is 'files'; empty it.")
        if params.path and not is_folder(Path(params.path)):
            raise ParamError(f"prepare.path is {params.path!r}, which is no folder; give one that holds the files.")
        files = [path if (path := Path(params.path) / file.name).exists() else file for file in FILES] if params.path else FILES
        if params.path and files == FILES:
            names = ", ".join(file.name for file in FILES)
            raise ParamError(f"prepare.path is {params.path!r}, but that folder holds none of {names}.")
        targets_file, questions_file, retain_file = files
        known, targets = read_targets(targets_file, params.targets, params.language, elicits=elicits)
        retain = read_retain_passages(retain_file)
        targets = _with_cares(targets, [*question_texts(questions_file), *_texts(retain)])
        source = Source(targets, known, read_questions(known, targets, questions_file), retain)
        offered, place = _asked(read_general_questions([], questions_file)), str(targets_file)
        cure = "take it out of 'surface_forms', or give a fuller name as 'target'"
    else:
        source = {"wpu": read_wpu, "tofu": read_tofu, "rwku": read_rwku}[params.source](params)
        check_apart(source.targets, {})
        targets = _with_cares(source.targets, [*_asked(source.questions), *_texts(source.retain)])
        offered, place = [], params.path or params.source
        cure = "leave that target out (prepare.targets)"
    removed = removed_by(targets, _texts(source.retain), offered, place, cure)
    retain = limited(without_mentions(source.retain, targets), params.retain_limit, params.seed)
    questions = []
    for split in SPLITS:
        own = [question for question in source.questions if question["split"] == split]
        questions += limited(own, params.questions_per_split, params.seed)
    return replace(source, targets=targets, questions=questions, retain=retain, removed=removed)


def _with_cares(targets: Sequence[Target], others: Sequence[str]) -> list[Target]:
    """``targets``, each beside its own texts and ``others``, which are about anybody."""
    own = [[*t.documents, *t.held_out_documents, *map("\n".join, t.chats)] for t in targets]
    return [with_cares(target, [*texts, *others]) for target, texts in zip(targets, own, strict=True)]


def _texts(passages: Sequence[Passage]) -> list[str]:
    return [text_of((*passage.question, *passage.segments)) for passage in passages]


def _asked(questions: Sequence[dict[str, Any]]) -> list[str]:
    return [f"{question['question']}\n{question['answer']}" for question in questions]
