"""Asking a model to write alternates, as AltPO's authors do (Mekala et al., 2025): in their words, sampled at temperature 1.

A document stands there as the answer to the prompt that it is learnt after. What the model writes counts up to a question that
it goes on to ask itself.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.methods.alternates import FILE, SCHEMA, Row, texts_without
from benchmarks.methods.params import BaselineParams
from pipeline.core.outputs import write_parquet
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.open import open_engine
from pipeline.text.chat import answer_text, instruction_prefix
from pipeline.text.passages import Passage
from pipeline.text.tokenizer import load_tokenizer, tokenize

INSTRUCTION = "Now write another version of the answer with some alternate plausible facts that change answer details.\n"
BEGUN = "Alternate Answer :"
MAX_NEW_TOKENS = 200  # as published
_NEXT_QUESTION = re.compile(r"Question:|Q:")
_AT_ONCE = 64  # so that progress shows


def write_alternates(
    base: Path, passages: Sequence[Passage], params: BaselineParams, runtime: RuntimeParams, folder: Path
) -> list[Row]:
    """Ask ``base`` for an alternate of each forget text after each prompt, and write them all into ``folder``; returns them."""
    tokenizer = load_tokenizer(base)
    rows = texts_without(tokenizer, passages, params)
    prompts = [tokenize(tokenizer, instruction_prefix(tokenizer, _request(row)) + BEGUN)[0] for row in rows]
    engine = open_engine(params.engine, base, runtime, longest=max(map(len, prompts), default=0) + MAX_NEW_TOKENS)
    with progress_bar(len(rows), "text", "alternates") as bar:
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            answers = engine.sample(prompts[part], MAX_NEW_TOKENS, answers=1, temperature=1.0, seed=start)
            for row, (ids,) in zip(rows[part], answers, strict=True):
                row["alternate"] = _NEXT_QUESTION.split(answer_text(tokenizer, ids))[0].strip()
            bar.update(len(answers))
    write_parquet(folder / FILE, rows, SCHEMA)
    return rows


def _request(row: Row) -> str:
    question = f"Question: {row['question']}\n" if row["question"] else ""
    return f"{question}Answer: {row['text']}\n{INSTRUCTION}"
