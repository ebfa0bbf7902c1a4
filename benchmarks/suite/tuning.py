"""Tuning: every setting of a method's grid on one set of questions, and the rule that picks one of them.

The same rule for all methods, so that they are compared at about the same forgetting, and by models that still answer: of the
settings whose forget answers have at least ``SPEAKS`` distinct 4-grams, those that go at least ``ENOUGH`` of the way from the
base to the floor (see evaluate.metrics), and of these the one that keeps most of hard-retain and general-retain. Where none
goes that far, the one that forgets most; where none speaks, the same among all. Tuned on other targets than those a benchmark
reports.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.methods.unlearn import Task, unlearn
from benchmarks.suite.params import BenchmarkParams
from pipeline.core.errors import InputError
from pipeline.core.files import files_fingerprint, json_fingerprint, write_text
from pipeline.core.runtime import RuntimeParams
from pipeline.evaluate.ask import ask
from pipeline.evaluate.params import EvaluateParams
from pipeline.model.folder import model_fingerprint
from pipeline.prepare.tables import SPLITS, read_question_rows
from pipeline.text.names import CounterfactualName, read_names
from pipeline.text.passages import read_passages

if TYPE_CHECKING:
    import polars as pl

ENOUGH = 0.75
SPEAKS = 0.75
COLUMNS = ("method", "setting", *SPLITS, "forgotten", "kept", "distinct_4grams", "steps", "fingerprint")
Row = dict[str, Any]


def question_means(
    model: Path,
    questions: Sequence[dict[str, Any]],
    names: Mapping[str, Sequence[CounterfactualName]],
    params: EvaluateParams,
    runtime: RuntimeParams,
    *,
    with_floor: bool = False,
) -> dict[str, float]:
    """Means of what the model in ``model`` makes of the questions.

    By split the probability of the right answer, over the questions that have wrong ones; ``distinct_4grams`` of the forget
    answers; and ``floor``, the forget questions' probability about invented names, when ``with_floor``.
    """
    plain = [{**question, "paraphrased_question": None} for question in questions]
    alone = params.changed(engine="transformers", consistency_samples=0)
    rows = ask(model, plain, names, alone, runtime, with_floor=with_floor)
    forget = [row for row in rows if row["split"] == "forget"]
    values = {split: [row["probability"] for row in rows if row["split"] == split] for split in SPLITS}
    values["distinct_4grams"] = [row["distinct_4grams"] for row in forget]
    values["floor"] = [row["floor_probability"] for row in forget]
    known = {key: [value for value in column if value is not None] for key, column in values.items()}
    return {key: fmean(column) for key, column in known.items() if column}


def tune(benchmark: BenchmarkParams, method: str, seed: int) -> Iterator[Row]:
    """Yield a row a setting, and write each to ``tuning.csv`` of the benchmark as soon as it is measured.

    A row that stands there with the fingerprint of what determines it (parameters, seed, model, texts, shards) is not measured
    again. Raises InputError when a split that settings are compared by is missing, or there is nothing to forget.
    """
    folders, evaluate, runtime = benchmark.folders, benchmark.evaluate, benchmark.runtime
    known = read_rows(folders.tuning)
    questions, names = read_question_rows(folders.prepared), read_names(folders.prepared)
    passages, shards = read_passages(folders.prepared), folders.teacher(method)
    compared = {question["split"] for question in questions if question["wrong_answers"]}
    for split in SPLITS:
        if split not in compared:
            raise InputError(f"{folders.prepared}: no {split} question has wrong answers, by which tuning compares; give some.")
    base = question_means(folders.base, questions, names, evaluate, runtime, with_floor=True)
    lowest = base["floor"]
    if base["forget"] <= lowest:
        raise InputError(
            f"{folders.base} knows no more of the targets ({base['forget']:.3f}) than of invented people ({lowest:.3f}); tune "
            "on others, of whom there is something to forget."
        )
    prepared = files_fingerprint(folders.prepared, ("*.parquet",))
    inputs = [seed, model_fingerprint(folders.base), prepared, evaluate.max_new_tokens]
    for setting in benchmark.settings[method]:
        values = json.dumps(setting.values, sort_keys=True)
        shards_read = files_fingerprint(shards, ("*.parquet",)) if setting.params.distill else ""
        fingerprint = json_fingerprint([setting.params.model_dump(), *inputs, shards_read])[:16]
        row = next((row for row in known if (row["method"], row["fingerprint"]) == (method, fingerprint)), None)
        if row is None:
            with TemporaryDirectory() as folder:
                task = Task(folders.base, tuple(names), passages, shards, runtime, seed)
                steps = len(unlearn(setting.params, task, Path(folder)))
                after = question_means(Path(folder), questions, names, evaluate, runtime)
            row = {
                "method": method,
                "setting": values,
                **{split: round(after[split], 4) for split in SPLITS},
                "forgotten": round((base["forget"] - after["forget"]) / (base["forget"] - lowest), 4),
                "kept": round(fmean(after[split] / base[split] for split in SPLITS if split != "forget"), 4),
                "distinct_4grams": round(after["distinct_4grams"], 4),
                "steps": steps,
                "fingerprint": fingerprint,
            }
            known = [other for other in known if (other["method"], other["setting"]) != (method, values)] + [row]
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
    import polars as pl

    if not file.exists():
        return []
    try:
        return pl.read_csv(file, columns=COLUMNS, schema_overrides=_schema()).to_dicts()
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{file} is no table of settings ({reason}); bring it back from git, or move it away.") from None


def write_rows(file: Path, rows: Sequence[Row]) -> None:
    """Write ``rows``, a method's one after another."""
    import polars as pl

    write_text(file, pl.DataFrame(sorted(rows, key=lambda row: row["method"]), schema=_schema()).write_csv())


def _schema() -> "dict[str, pl.DataType | type[pl.DataType]]":
    import polars as pl

    types = {"steps": pl.Int64, **dict.fromkeys(("method", "setting", "fingerprint"), pl.String)}
    return {column: types.get(column, pl.Float64) for column in COLUMNS}
