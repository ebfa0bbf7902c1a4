"""Asking a model to write alternates, as AltPO's authors ask Llama 2 (Mekala et al., 2025), at temperature 1.

A document stands there as the answer to the prompt that it is learnt after. What the model writes counts up to a question that
it goes on to ask itself. Other than in the authors' code, whose samples come through the defaults of transformers (the 50 most
probable tokens), the whole distribution is sampled, and all seeds of a method have the same alternates.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.methods.alternates import FILE, SCHEMA, Row, rows_to_fill
from benchmarks.methods.params import AlternatesParams, BaselineParams
from pipeline.core.outputs import write_parquet
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.open import open_engine
from pipeline.text.chat import answer_text, instruction_prefix
from pipeline.text.passages import Passage
from pipeline.text.tokenizer import load_tokenizer, tokenize

INSTRUCTION = "Now write another version of the answer with some alternate plausible facts that change answer details."
OPENING = "Alternate Answer :"
_NEXT_QUESTION = re.compile(r"Question:|Q:")
_AT_ONCE = 64  # so that progress shows


def write_alternates(
    base: Path,
    passages: Sequence[Passage],
    texts: BaselineParams,
    params: AlternatesParams,
    runtime: RuntimeParams,
    folder: Path,
) -> list[Row]:
    """Ask ``base`` for an alternate of each forget text after each prompt of ``texts``; writes them into ``folder``."""
    tokenizer = load_tokenizer(base)
    rows = rows_to_fill(tokenizer, passages, texts)
    prompts = [tokenize(tokenizer, instruction_prefix(tokenizer, _request(row)) + OPENING)[0] for row in rows]
    engine = open_engine(params.engine, base, runtime, longest=max(map(len, prompts), default=0) + params.max_new_tokens)
    with progress_bar(len(rows), "text", "alternates") as bar:
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            seed = params.seed + start  # of the first text; each has one of its own
            answers = engine.sample(prompts[part], params.max_new_tokens, answers=1, temperature=1.0, seed=seed)
            for row, (ids,) in zip(rows[part], answers, strict=True):
                row["alternate"] = _NEXT_QUESTION.split(answer_text(tokenizer, ids))[0].strip()
            bar.update(len(answers))
    write_parquet(folder / FILE, rows, SCHEMA)
    return rows


def _request(row: Row) -> str:
    question = f"Question: {row['question']}\n" if row["question"] else ""
    return f"{question}Answer: {row['text']}\n{INSTRUCTION}"
