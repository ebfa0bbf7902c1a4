"""The Parquet files that prepare and elicit hand on: their rows, written and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.made import read_parquet
from pipeline.paths import PREPARED
from pipeline.segments import Segment, text_of

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS = ("forget", "hard_retain", "general_retain")


@dataclass(frozen=True)
class Passage:
    """A text about ``target`` (kind "forget", or "held_out" from training), or on another subject (kind "retain").

    Format "document": ``segments`` are a chunk of document number ``document``, and ``after`` is the white space between it
    and the next chunk. Format "chat": ``question`` is the user's turn and ``segments`` are the answer, which alone is trained.
    """

    target: str
    kind: str
    segments: tuple[Segment, ...]
    format: str = "document"
    question: tuple[Segment, ...] = ()
    document: int = 0
    after: str = ""


@dataclass(frozen=True)
class TargetFacts:
    """What later stages need to know of a target. ``neighbours`` are other entities that its documents name."""

    target: str
    kind: str
    language: str
    surface_forms: tuple[str, ...]
    neighbours: tuple[str, ...]


@dataclass(frozen=True)
class CounterfactualName:
    """One name for one target, with what replaces each of the target's surface forms."""

    target: str
    name: str
    replacements: dict[str, str]


def _schemas() -> dict[str, "pa.Schema"]:
    import pyarrow as pa

    strings = pa.list_(pa.string())
    segments = pa.list_(pa.struct([("text", pa.string()), ("mention", pa.bool_()), ("trained", pa.bool_())]))
    return {
        "targets": pa.schema(
            {
                "target": pa.string(),
                "kind": pa.string(),
                "language": pa.string(),
                "surface_forms": strings,
                "neighbours": strings,
            }
        ),
        "passages": pa.schema(
            {
                "passage": pa.int32(),
                "target": pa.string(),
                "kind": pa.string(),
                "format": pa.string(),
                "text": pa.string(),
                "question": segments,
                "segments": segments,
                "document": pa.int32(),
                "after": pa.string(),
            }
        ),
        "counterfactual_names": pa.schema(
            {"target": pa.string(), "index": pa.int32(), "name": pa.string(), "surface_forms": strings, "replacements": strings}
        ),
        "questions": pa.schema(
            {
                "question_id": pa.int32(),
                "split": pa.string(),
                "target": pa.string(),
                "question": pa.string(),
                "answer": pa.string(),
                "wrong_answers": strings,
                "paraphrased_question": pa.string(),
                "paraphrased_answer": pa.string(),
            }
        ),
    }


def write_table(folder: Path, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write ``rows`` as ``table``.parquet into ``folder``, with the columns that the table has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows), schema=_schemas()[table]), folder / f"{table}.parquet", compression="zstd")


def write_passages(folder: Path, passages: Sequence[Passage]) -> None:
    """Write passages.parquet; a passage's number is its place in ``passages``."""

    def cells(segments: Sequence[Segment]) -> list[dict[str, Any]]:
        return [{"text": s.text, "mention": s.mention, "trained": s.trained} for s in segments]

    rows = [
        {
            "passage": number,
            "target": passage.target,
            "kind": passage.kind,
            "format": passage.format,
            "text": text_of(passage.segments),
            "question": cells(passage.question),
            "segments": cells(passage.segments),
            "document": passage.document,
            "after": passage.after,
        }
        for number, passage in enumerate(passages)
    ]
    write_table(folder, "passages", rows)


def write_tables(
    folder: Path,
    targets: Sequence[TargetFacts],
    passages: Sequence[Passage],
    names: Sequence[CounterfactualName],
    questions: Sequence[dict[str, Any]],
) -> None:
    """Write targets, passages, counterfactual_names and questions.parquet into ``folder``."""
    order: dict[str, int] = {}
    name_rows = []
    for name in names:
        order[name.target] = order.get(name.target, -1) + 1
        name_rows.append(
            {
                "target": name.target,
                "index": order[name.target],
                "name": name.name,
                "surface_forms": list(name.replacements),
                "replacements": list(name.replacements.values()),
            }
        )
    write_table(
        folder,
        "targets",
        [
            {
                "target": t.target,
                "kind": t.kind,
                "language": t.language,
                "surface_forms": list(t.surface_forms),
                "neighbours": list(t.neighbours),
            }
            for t in targets
        ],
    )
    write_passages(folder, passages)
    write_table(folder, "counterfactual_names", name_rows)
    write_table(folder, "questions", [{"question_id": number, **question} for number, question in enumerate(questions)])


def _rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of ``table``. Raises InputError when the stage that writes it has not run, or its file is broken."""
    rows: list[dict[str, Any]] = read_parquet(folder / f"{table}.parquet").to_pylist()
    return rows


def read_targets_table(folder: Path = PREPARED) -> list[TargetFacts]:
    """The targets, in the order of the user's file."""

    return [
        TargetFacts(row["target"], row["kind"], row["language"], tuple(row["surface_forms"]), tuple(row["neighbours"]))
        for row in _rows(folder, "targets")
    ]


def read_passages(folder: Path = PREPARED) -> list[Passage]:
    """The passages, in order: a passage's number is its index."""

    def segments(cells: Sequence[dict[str, Any]]) -> tuple[Segment, ...]:
        return tuple(Segment(**cell) for cell in cells)

    return [
        Passage(
            row["target"],
            row["kind"],
            segments(row["segments"]),
            row["format"],
            segments(row["question"]),
            row["document"],
            row["after"],
        )
        for row in _rows(folder, "passages")
    ]


def read_names(folder: Path = PREPARED) -> dict[str, list[CounterfactualName]]:
    """Each target's counterfactual names, in the order drawn."""

    names: dict[str, list[CounterfactualName]] = {}
    for row in _rows(folder, "counterfactual_names"):
        replacements = dict(zip(row["surface_forms"], row["replacements"], strict=True))
        names.setdefault(row["target"], []).append(CounterfactualName(row["target"], row["name"], replacements))
    return names


def read_question_rows(folder: Path = PREPARED) -> list[dict[str, Any]]:
    """The questions, as dictionaries with the fields of questions.parquet."""

    return _rows(folder, "questions")
