"""What prepare works on, whoever wrote it, and what it hands on beside passages and names: targets' facts, and questions."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from pipeline.core.outputs import read_parquet, write_parquet
from pipeline.prepare.forms import Removed
from pipeline.prepare.targets import Target
from pipeline.text.forms import Form, care_of
from pipeline.text.passages import Passage

SPLITS = ("forget", "hard_retain", "general_retain")
T = TypeVar("T")
_TARGETS = pa.schema(
    dict.fromkeys(("target", "kind", "language"), pa.string())
    | dict.fromkeys(("surface_forms", "neighbours", "cares"), pa.list_(pa.string()))
)
_QUESTIONS = pa.schema(
    {"question_id": pa.int32(), **dict.fromkeys(("split", "target", "question", "answer"), pa.string())}
    | {"wrong_answers": pa.list_(pa.string())}
    | dict.fromkeys(("paraphrased_question", "paraphrased_answer", "type", "neighbour"), pa.string())
    | {"level": pa.int32()}
)


@dataclass(frozen=True)
class Source:
    """Targets, questions and texts on other subjects: the user's files, or a benchmark in its own fields."""

    targets: list[Target]  # to be forgotten
    known: list[Target]  # these and others of the same file, whose names no stand-in may share
    questions: list[dict[str, Any]]  # rows of questions.parquet, but for their number
    retain: list[Passage]  # as they are read; those that mention a target are left out then, and counted in ``removed``
    origin: Mapping[str, str] = field(default_factory=dict, compare=False)  # data set ("source") and commit, where there is one
    removed: Removed = field(default_factory=dict)  # what was left out for the sake of a form


@dataclass(frozen=True)
class TargetFacts:
    """What later stages need to know of a target. ``neighbours`` are other entities that its documents name."""

    target: str
    kind: str
    language: str
    surface_forms: tuple[str, ...]
    neighbours: tuple[str, ...]


def limited(rows: Sequence[T], limit: int, seed: int) -> list[T]:
    """``limit`` of ``rows`` (all, where it is 0), drawn by ``seed`` and left in their order."""
    if not limit or len(rows) <= limit:
        return list(rows)
    return [rows[index] for index in sorted(random.Random(seed).sample(range(len(rows)), limit))]


def write_targets_table(folder: Path, targets: Sequence[TargetFacts]) -> None:
    """Write targets.parquet."""
    rows = [{**asdict(target), "cares": [care_of(form) for form in target.surface_forms]} for target in targets]
    write_parquet(folder / "targets.parquet", rows, _TARGETS)


def read_targets_table(folder: Path) -> list[TargetFacts]:
    """The targets, in the order of the user's file."""
    return [
        TargetFacts(
            row["target"],
            row["kind"],
            row["language"],
            tuple(map(Form, row["surface_forms"], row["cares"])),
            tuple(row["neighbours"]),
        )
        for row in read_parquet(folder / "targets.parquet", _TARGETS, may_be_empty=False).to_pylist()
    ]


def write_question_rows(folder: Path, questions: Sequence[dict[str, Any]]) -> None:
    """Write questions.parquet; a question's number is its place in ``questions``.

    ``level`` and ``type`` say what kind of probe a benchmark calls it, ``neighbour`` whom or what a hard-retain question is
    about; null where a source tells none.
    """
    rows = [{"question_id": number, **question} for number, question in enumerate(questions)]
    write_parquet(folder / "questions.parquet", rows, _QUESTIONS)


def read_question_rows(folder: Path) -> list[dict[str, Any]]:
    """The questions, as dictionaries with the fields of questions.parquet."""
    rows: list[dict[str, Any]] = read_parquet(folder / "questions.parquet", _QUESTIONS, may_be_empty=False).to_pylist()
    return rows
