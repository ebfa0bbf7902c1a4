"""A passage: the unit that is scored and learnt, as segments; and passages.parquet, in which stages hand them on."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.core.outputs import stream_parquet, write_parquet
from pipeline.text.segments import Segment, split_mentions, text_of

FILE = "passages.parquet"
_SEGMENTS = pa.list_(pa.struct([("text", pa.string()), ("mention", pa.bool_()), ("trained", pa.bool_())]))
_SCHEMA = pa.schema(
    {"passage": pa.int32(), **dict.fromkeys(("target", "kind", "format", "text"), pa.string())}
    | {"question": _SEGMENTS, "segments": _SEGMENTS, "document": pa.int32(), "after": pa.string()}
)


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


def chat_passage(subject: str, kind: str, question: str, answer: str, forms: Sequence[str]) -> Passage:
    """A question and its answer as one passage, with the mentions of ``forms`` found in both."""
    segments = tuple(split_mentions(answer.strip(), forms))
    return Passage(subject, kind, segments, "chat", tuple(split_mentions(question.strip(), forms)))


def write_passages(folder: Path, passages: Sequence[Passage]) -> None:
    """Write passages.parquet; a passage's number is its place in ``passages``."""
    rows = [{"passage": number, "text": text_of(p.segments), **asdict(p)} for number, p in enumerate(passages)]
    write_parquet(folder / FILE, rows, _SCHEMA)


def stream_passages(folder: Path) -> Iterator[Passage]:
    """The passages of ``folder`` in order, some hundreds in memory at a time: a passage's number is its place."""
    for batch in stream_parquet(folder / FILE, _SCHEMA):
        for row in batch.drop_columns(["passage", "text"]).to_pylist():
            cut = {key: tuple(Segment(**cell) for cell in row[key]) for key in ("question", "segments")}
            yield Passage(**{**row, **cut})


def read_passages(folder: Path) -> list[Passage]:
    """The same as a list."""
    return list(stream_passages(folder))
