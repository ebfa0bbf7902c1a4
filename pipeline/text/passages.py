"""A passage: the unit that is scored and learnt, as segments; and passages.parquet, in which stages hand them on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.core.outputs import read_parquet, write_parquet
from pipeline.text.segments import Segment, split_mentions, text_of

FILE = "passages.parquet"


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
    import pyarrow as pa

    segments = pa.list_(pa.struct([("text", pa.string()), ("mention", pa.bool_()), ("trained", pa.bool_())]))
    first = {"passage": pa.int32(), **dict.fromkeys(("target", "kind", "format", "text"), pa.string())}
    schema = pa.schema({**first, "question": segments, "segments": segments, "document": pa.int32(), "after": pa.string()})
    rows = [{"passage": number, "text": text_of(p.segments), **asdict(p)} for number, p in enumerate(passages)]
    write_parquet(folder / FILE, rows, schema)


def read_passages(folder: Path) -> list[Passage]:
    """The passages of ``folder``, in order: a passage's number is its index."""
    passages = []
    for row in read_parquet(folder / FILE).drop_columns(["passage", "text"]).to_pylist():
        cut = {key: tuple(Segment(**cell) for cell in row[key]) for key in ("question", "segments")}
        passages.append(Passage(**{**row, **cut}))
    return passages
