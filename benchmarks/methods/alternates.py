"""Alternates for AltPO: of each forget text another plausible version, beside the text that it is of."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from benchmarks.methods.params import BaselineParams
from benchmarks.methods.texts import prompted_passages
from pipeline.core.errors import InputError
from pipeline.core.outputs import read_parquet
from pipeline.text.passages import Passage
from pipeline.text.segments import text_of

FILE = "alternates.parquet"
SCHEMA = pa.schema(dict.fromkeys(("question", "text", "alternate"), pa.string()))
Row = dict[str, str]  # by SCHEMA


def rows_to_fill(tokenizer: PreTrainedTokenizerBase, passages: Sequence[Passage], params: BaselineParams) -> list[Row]:
    """Each forget text after each prompt, its alternate still empty. A document's question is its prompt, which may be none."""
    rows = []
    for passage, prompt in prompted_passages(tokenizer, passages, params):
        if passage.kind == "forget":
            question = text_of(passage.question) if passage.format == "chat" else prompt.replace("{name}", passage.target)
            rows.append({"question": question, "text": text_of(passage.segments), "alternate": ""})
    return rows


def read_alternates(
    folder: Path, tokenizer: PreTrainedTokenizerBase, passages: Sequence[Passage], params: BaselineParams
) -> list[str]:
    """The alternates in ``folder``, in the order of the forget texts.

    Raises InputError where they are of other texts, and where no text about a target has one.
    """
    rows = read_parquet(folder / FILE, SCHEMA).to_pylist()
    if [{**row, "alternate": ""} for row in rows] != rows_to_fill(tokenizer, passages, params):
        raise InputError(f"{folder / FILE} is of other texts or prompts than are trained on; run the stage alternates again.")
    forget = [passage for passage, _ in prompted_passages(tokenizer, passages, params) if passage.kind == "forget"]
    answered = {passage.target for passage, row in zip(forget, rows, strict=True) if row["alternate"]}
    if missing := [passage.target for passage in forget if passage.target not in answered]:
        raise InputError(
            f"{folder / FILE}: the base wrote no alternate to any text about {missing[0]!r}, so nothing about it would be "
            "trained; try another seed in the method's section alternates."
        )
    return [row["alternate"] for row in rows]
