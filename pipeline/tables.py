"""The three Parquet files that prepare hands on: their rows, written and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.paths import PREPARED
from pipeline.segments import Segment

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS = ("forget", "hard_retain", "general_retain")


@dataclass(frozen=True)
class Passage:
    """A chunk of a document about ``target`` (kind "forget"), or a text on another subject (kind "retain")."""

    target: str
    kind: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class CounterfactualName:
    """One name for one target, with what replaces each of the target's surface forms."""

    target: str
    name: str
    replacements: dict[str, str]


def _schemas() -> dict[str, "pa.Schema"]:
    import pyarrow as pa

    strings = pa.list_(pa.string())
    segment = pa.struct([("text", pa.string()), ("mention", pa.bool_())])
    return {
        "passages": pa.schema(
            {
                "passage": pa.int32(),
                "target": pa.string(),
                "kind": pa.string(),
                "text": pa.string(),
                "segments": pa.list_(segment),
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


def write_tables(
    folder: Path,
    passages: Sequence[Passage],
    names: Sequence[CounterfactualName],
    questions: Sequence[dict[str, Any]],
) -> None:
    """Write passages.parquet, counterfactual_names.parquet and questions.parquet into ``folder``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

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
    rows = {
        "passages": [
            {
                "passage": number,
                "target": passage.target,
                "kind": passage.kind,
                "text": "".join(segment.text for segment in passage.segments),
                "segments": [{"text": s.text, "mention": s.mention} for s in passage.segments],
            }
            for number, passage in enumerate(passages)
        ],
        "counterfactual_names": name_rows,
        "questions": [{"question_id": number, **question} for number, question in enumerate(questions)],
    }
    for table, schema in _schemas().items():
        pq.write_table(pa.Table.from_pylist(rows[table], schema=schema), folder / f"{table}.parquet", compression="zstd")


def read_passages(folder: Path = PREPARED) -> list[Passage]:
    """The passages, in order: a passage's number is its index."""
    import pyarrow.parquet as pq

    return [
        Passage(row["target"], row["kind"], tuple(Segment(**segment) for segment in row["segments"]))
        for row in pq.read_table(folder / "passages.parquet").to_pylist()
    ]


def read_names(folder: Path = PREPARED) -> dict[str, list[CounterfactualName]]:
    """Each target's counterfactual names, in the order drawn."""
    import pyarrow.parquet as pq

    names: dict[str, list[CounterfactualName]] = {}
    for row in pq.read_table(folder / "counterfactual_names.parquet").to_pylist():
        replacements = dict(zip(row["surface_forms"], row["replacements"], strict=True))
        names.setdefault(row["target"], []).append(CounterfactualName(row["target"], row["name"], replacements))
    return names


def read_question_rows(folder: Path = PREPARED) -> list[dict[str, Any]]:
    """The questions, as dictionaries with the fields of questions.parquet."""
    import pyarrow.parquet as pq

    return pq.read_table(folder / "questions.parquet").to_pylist()
