"""Tuning: every setting of a method's grid on one set of questions, and the rule that picks one of them.

The same rule for all methods, so that they are compared at about the same forgetting, and by models that still answer: of the
settings whose forget answers have at least ``SPEAKS`` distinct 4-grams, those that go at least ``ENOUGH`` of the way from the
base to the floor (see evaluate.metrics), and of these the one that keeps most of hard-retain and general-retain. Where none
goes that far, the one that forgets most; where none speaks, the same among all. Tuned on other targets than those a benchmark
reports.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from benchmarks.methods.unlearn import Task, unlearn
from benchmarks.suite.params import BenchmarkParams
from pipeline.core.errors import InputError, first_line
from pipeline.core.files import files_fingerprint, json_fingerprint, write_text
from pipeline.evaluate.ask import ask
from pipeline.model.folder import model_fingerprint
from pipeline.prepare.tables import SPLITS, read_question_rows
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import PassageSource
from pipeline.text.names import read_names
from pipeline.text.passages import read_passages

ENOUGH = 0.75
SPEAKS = 0.75
SCHEMA = {
    **dict.fromkeys(("method", "setting"), pl.String),
    **dict.fromkeys((*SPLITS, "forgotten", "kept", "distinct_4grams"), pl.Float64),
    "steps": pl.Int64,
    "fingerprint": pl.String,
}
Row = dict[str, Any]


def question_means(benchmark: BenchmarkParams, model: Path, *, with_floor: bool = False) -> dict[str, float]:
    """Means of what the model in ``model`` makes of the benchmark's questions.

    By split the probability of the right answer, over the questions that have wrong ones; ``distinct_4grams`` of the forget
    answers; and ``floor``, the forget questions' probability about invented names, when ``with_floor``.
    """
    prepared = benchmark.folders.prepared
    plain = [{**question, "paraphrased_question": None} for question in read_question_rows(prepared)]
    alone = benchmark.evaluate.changed(engine="transformers", consistency_samples=0)
    rows = ask(model, plain, read_names(prepared), alone, benchmark.runtime, with_floor=with_floor)
    forget = [row for row in rows if row["split"] == "forget"]
    values = {split: [row["probability"] for row in rows if row["split"] == split] for split in SPLITS}
    values["distinct_4grams"] = [row["distinct_4grams"] for row in forget]
    values["floor"] = [row["floor_probability"] for row in forget]
    known = {key: [value for value in column if value is not None] for key, column in values.items()}
    return {key: fmean(column) for key, column in known.items() if column}


def tune(benchmark: BenchmarkParams, method: str, seed: int) -> Iterator[Row]:
    """Yield a row a setting, and write each to ``tuning.csv`` of the benchmark as soon as it is measured.

    A row that stands there with the fingerprint of what determines it (parameters, seed, model, texts, shards or alternates) is
    not measured again. Raises InputError when a split that settings are compared by is missing, or there is nothing to forget.
    """
    folders, shards = benchmark.folders, benchmark.folders.teacher(method)
    known = read_rows(folders.tuning)
    targets = tuple(read_names(folders.prepared))
    passages = list(PassageSource(TeacherParams(), folders.prepared, folders.elicited))
    compared = {question["split"] for question in read_question_rows(folders.prepared) if question["wrong_answers"]}
    for split in SPLITS:
        if split not in compared:
            raise InputError(f"{folders.prepared}: no {split} question has wrong answers, by which tuning compares; give some.")
    base = question_means(benchmark, folders.base, with_floor=True)
    lowest = base["floor"]
    if base["forget"] <= lowest:
        raise InputError(
            f"{folders.base} knows no more of the targets ({base['forget']:.3f}) than of invented people ({lowest:.3f}); tune "
            "on others, of whom there is something to forget."
        )
    prepared = files_fingerprint(folders.prepared, ("*.parquet",))
    elicited = [files_fingerprint(folders.elicited, ("*.parquet",))] if read_passages(folders.elicited) else []
    inputs = [seed, model_fingerprint(folders.base), prepared, benchmark.evaluate.max_new_tokens, *elicited]
    for point, params in benchmark.settings[method]:
        setting = json.dumps(point, sort_keys=True)
        read = shards if params.distill else folders.alternates(method) if params.alternates else None
        made = [files_fingerprint(read, ("*.parquet",))] if read else []
        fingerprint = json_fingerprint([params.model_dump(exclude_none=True), *inputs, *made])[:16]
        row = next((row for row in known if (row["method"], row["fingerprint"]) == (method, fingerprint)), None)
        if row is None:
            with TemporaryDirectory() as folder:
                task = Task(folders.base, targets, passages, shards, folders.alternates(method), benchmark.runtime, seed)
                steps = len(unlearn(params, task, Path(folder)))
                after = question_means(benchmark, Path(folder))
            row = {
                "method": method,
                "setting": setting,
                **{split: round(after[split], 4) for split in SPLITS},
                "forgotten": round((base["forget"] - after["forget"]) / (base["forget"] - lowest), 4),
                "kept": round(fmean(after[split] / base[split] for split in SPLITS if split != "forget"), 4),
                "distinct_4grams": round(after["distinct_4grams"], 4),
                "steps": steps,
                "fingerprint": fingerprint,
            }
            known = [other for other in known if (other["method"], other["setting"]) != (method, setting)] + [row]
            write_rows(folders.tuning, known)
        yield row


def pick(rows: Sequence[Row]) -> Row:
    """The row that the rule above chooses. Raises ValueError for no rows."""
    speaking = [row for row in rows if row["distinct_4grams"] >= SPEAKS] or rows
    enough = [row for row in speaking if row["forgotten"] >= ENOUGH]
    return max(enough, key=lambda row: row["kept"]) if enough else max(speaking, key=lambda row: row["forgotten"])


def read_rows(file: Path) -> list[Row]:
    """The rows of an earlier run, None for a value that it did not measure; none where there is no file.

    Raises InputError for a file that is no such table.
    """
    if not file.exists():
        return []
    try:
        return pl.read_csv(file, columns=list(SCHEMA), schema_overrides=SCHEMA).to_dicts()
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} is no table of settings ({first_line(error)}); bring it back from git, or move it away."
        ) from None


def write_rows(file: Path, rows: Sequence[Row]) -> None:
    """Write ``rows``, a method's one after another."""
    write_text(file, pl.DataFrame(sorted(rows, key=lambda row: row["method"]), schema=SCHEMA).write_csv())
