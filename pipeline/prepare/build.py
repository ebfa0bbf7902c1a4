"""The whole of prepare: texts to passages, names drawn, questions checked, written as the tables of a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.core.errors import ParamError
from pipeline.core.files import published_folder, write_json
from pipeline.core.outputs import ORIGIN
from pipeline.prepare.hub_rows import hub_commit
from pipeline.prepare.names import draw_names, pool_file, read_pool
from pipeline.prepare.params import PrepareParams
from pipeline.prepare.passages import (
    RETAIN_FILE,
    find_neighbours,
    forget_passages,
    held_out_passages,
    read_retain_passages,
)
from pipeline.prepare.rwku import read_rwku
from pipeline.prepare.tables import SPLITS, Source, TargetFacts, limited, write_question_rows, write_targets_table
from pipeline.prepare.targets import QUESTIONS_FILE, TARGETS_FILE, check_apart, read_questions, read_targets
from pipeline.prepare.tofu import read_tofu
from pipeline.prepare.wpu import read_wpu
from pipeline.text.names import write_names
from pipeline.text.passages import Passage, write_passages

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


def read_source(params: PrepareParams, *, elicits: bool) -> Source:
    """Read what ``params.source`` names, with no more than the limits. Raises InputError for whatever is wrong with it."""
    if params.source == "files":
        if params.subset:
            raise ParamError("prepare.subset is for a benchmark, but prepare.source is 'files'; empty it.")
        files = [path if (path := Path(params.path) / file.name).exists() else file for file in FILES] if params.path else FILES
        if params.path and files == FILES:
            names = ", ".join(file.name for file in FILES)
            raise ParamError(f"prepare.path is {params.path!r}, but that folder holds none of {names}.")
        targets_file, questions_file, retain_file = files
        known, targets = read_targets(targets_file, params.targets, params.language, elicits=elicits)
        source = Source(
            targets, known, read_questions(known, targets, questions_file), read_retain_passages(targets, retain_file)
        )
    else:
        source = {"wpu": read_wpu, "tofu": read_tofu, "rwku": read_rwku}[params.source](params)
        check_apart(source.targets, {})
    questions = []
    for split in SPLITS:
        own = [question for question in source.questions if question["split"] == split]
        questions += limited(own, params.questions_per_split, params.seed)
    return replace(source, questions=questions, retain=limited(source.retain, params.retain_limit, params.seed))
