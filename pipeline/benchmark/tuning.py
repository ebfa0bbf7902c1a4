"""Tuning: every setting of a method's grid on one set of questions, and the rule that picks one of them.

The same rule for all methods, so that they are compared at about the same forgetting, and by models that still answer: of the
settings whose forget answers have at least ``SPEAKS`` distinct 4-grams, those that go at least ``ENOUGH`` of the way from the
base to the floor (see evaluate.metrics), and of these the one that keeps most of hard-retain and general-retain. Where none
goes that far, the one that forgets most; where none speaks, the same among all. Tuned on other targets than those a benchmark
reports.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.benchmark.folders import BenchmarkFolders
from pipeline.benchmark.params import Setting
from pipeline.errors import InputError
from pipeline.evaluate.ask import ask
from pipeline.fingerprint import files_fingerprint, json_fingerprint, model_fingerprint
from pipeline.methods.interface import Task
from pipeline.methods.registry import method_of
from pipeline.params import EvaluateParams, RuntimeParams
from pipeline.publish import write_text
from pipeline.tables import SPLITS, CounterfactualName, read_names, read_passages, read_question_rows

ENOUGH = 0.75
SPEAKS = 0.75
COLUMNS = ("method", "setting", *SPLITS, "forgotten", "kept", "distinct_4grams", "steps", "fingerprint")
Row = dict[str, Any]


def asked(
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
    alone = replace(params, engine="transformers", consistency_samples=0)
    rows = ask(model, plain, names, alone, runtime, with_floor=with_floor)
    forget = [row for row in rows if row["split"] == "forget"]
    values = {split: [row["probability"] for row in rows if row["split"] == split] for split in SPLITS}
    values |= {"distinct_4grams": [row["distinct_4grams"] for row in forget]}
    values |= {"floor": [row["floor_probability"] for row in forget]}
    told = {key: [value for value in column if value is not None] for key, column in values.items()}
    return {key: fmean(column) for key, column in told.items() if column}


def tune(
    method: str,
    settings: Sequence[Setting],
    folders: BenchmarkFolders,
    evaluate: EvaluateParams,
    runtime: RuntimeParams,
    seed: int,
    file: Path,
) -> Iterator[Row]:
    """Yield a row a setting, and write each to ``file`` as soon as it is measured.

    A row that stands there with the fingerprint of what determines it (parameters, seed, model, texts, shards) is not measured
    again. Raises InputError when a split that settings are compared by is missing, or there is nothing to forget.
    """
    known = read_rows(file)
    prepared = files_fingerprint(folders.prepared, ("*.parquet",))
    made_from = [seed, model_fingerprint(folders.base), prepared, evaluate.max_new_tokens]
    questions, names = read_question_rows(folders.prepared), read_names(folders.prepared)
    passages, targets = read_passages(folders.prepared), tuple(names)
    there = {question["split"] for question in questions if question["wrong_answers"]}
    for split in SPLITS:
        if split not in there:
            raise InputError(f"{folders.prepared}: no {split} question has wrong answers, by which tuning compares; give some.")
    base = asked(folders.base, questions, names, evaluate, runtime, with_floor=True)
    lowest = base["floor"]
    if base["forget"] <= lowest:
        raise InputError(
            f"{folders.base} knows no more of the targets ({base['forget']:.3f}) than of invented people ({lowest:.3f}); tune "
            "on others, of whom there is something to forget."
        )
    for setting in settings:
        told = json.dumps(setting.values, sort_keys=True)
        shards = folders.teacher(method, own=setting.params.teacher is not None)
        taught = files_fingerprint(shards, ("*.parquet",)) if setting.params.distill else ""
        fingerprint = json_fingerprint([asdict(setting.params), *made_from, taught])[:16]
        found = next((row for row in known if (row["method"], row["fingerprint"]) == (method, fingerprint)), None)
        if found is None:
            with TemporaryDirectory() as folder:
                task = Task(folders.base, targets, passages, shards, runtime, seed)
                steps = len(method_of(setting.params).unlearn(task, Path(folder)))
                after = asked(Path(folder), questions, names, evaluate, runtime)
            found = {
                "method": method,
                "setting": told,
                **{split: round(after[split], 4) for split in SPLITS},
                "forgotten": round((base["forget"] - after["forget"]) / (base["forget"] - lowest), 4),
                "kept": round(fmean(after[split] / base[split] for split in SPLITS if split != "forget"), 4),
                "distinct_4grams": round(after["distinct_4grams"], 4),
                "steps": steps,
                "fingerprint": fingerprint,
            }
            known = [row for row in known if (row["method"], row["setting"]) != (method, told)] + [found]
            _write_rows(file, known)
        yield found


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
    text = ("method", "setting", "fingerprint")
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return [
                {key: row[key] if key in text else json.loads(row[key] or "null") for key in COLUMNS}
                for row in csv.DictReader(stream)
            ]
    except (KeyError, ValueError) as error:
        told = f"no column {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{file} is no table of settings ({told}); bring it back from git, or move it away.") from None


def _write_rows(file: Path, rows: Sequence[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: row["method"]))
    write_text(file, text.getvalue())
