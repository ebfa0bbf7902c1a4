"""``prepare.source``: the user's own files, or a benchmark in its own fields, as the same targets, questions and texts."""

from dataclasses import dataclass, replace
from typing import Any

from pipeline.errors import ParamError
from pipeline.params import PrepareParams
from pipeline.prepare.passages import limited, read_retain_passages
from pipeline.prepare.questions import read_questions
from pipeline.prepare.targets import Target, check_apart, read_targets
from pipeline.tables import SPLITS, Passage


@dataclass(frozen=True)
class Source:
    """What a run works on."""

    targets: list[Target]  # to be forgotten
    known: list[Target]  # these and others of the same file, whose names no stand-in may share
    questions: list[dict[str, Any]]  # rows of questions.parquet, but for their number
    retain: list[Passage]


def read_source(params: PrepareParams, *, elicits: bool) -> Source:
    """Read what ``params.source`` names. Raises InputError for whatever is wrong with it."""
    source = _read(params, elicits)
    questions = [
        question
        for split in SPLITS
        for question in limited([q for q in source.questions if q["split"] == split], params.questions_per_split, params.seed)
    ]
    return replace(source, questions=questions, retain=limited(source.retain, params.retain_limit, params.seed))


def _read(params: PrepareParams, elicits: bool) -> Source:
    if params.source == "files":
        for key in ("subset", "path"):
            if getattr(params, key):
                raise ParamError(f"prepare.{key} is for a benchmark, but prepare.source is 'files'; empty it.")
        known, targets = read_targets(wanted=params.targets, language=params.language, elicits=elicits)
        return Source(targets, known, read_questions(known, targets), read_retain_passages(targets))
    if params.source == "wpu":
        from pipeline.prepare.wpu import read_wpu as read_benchmark
    else:
        from pipeline.prepare.tofu import read_tofu as read_benchmark
    source = read_benchmark(params)
    check_apart(source.targets, {})
    return source
