"""Every question with the answers that the methods gave it, side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.paths import EVALUATION
from pipeline.report.sources import BASE, EVALUATE, benchmark_command, left_out, title_of

QUESTION = ("split", "target", "question", "answer")
MEASURES = ("rouge_l_recall", "probability", "leak", "quality", "unavailable")
ATTACKS = ("many_shot_response", "soft_embedding_response")
FILES = ("answers.parquet", "rows.parquet")  # of the criteria; of TOFU's metrics, where a set stands for a split
_SEED = "-0"  # of a run's folder: answers are shown of the first seed


def answer_sets(root: Path, tables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One set for the run and one for each benchmark, or what is left out of it.

    A set is {"source", "title", "methods", "questions"}; a question has ``QUESTION`` and "answers", which is {method: {column:
    value}} with "response" and those of ``MEASURES`` and ``ATTACKS`` that are there. Raises InputError for a file that is no
    table of answers.
    """
    sets = [
        _answer_set(
            "run",
            "This run",
            {m: root / EVALUATION / m / "answers.parquet" for m in (BASE, "student")},
            left_out(f"{EVALUATION}/{BASE}/answers.parquet", EVALUATE),
        )
    ]
    for name, table in tables.items():
        runs = root / "benchmarks" / name / "runs"
        found = [path.name.removesuffix(_SEED) for path in sorted(runs.glob(f"*{_SEED}"))]
        methods = dict.fromkeys([*table.get("methods", []), *found])
        files = {m: path for m in methods for file in FILES if (path := runs / f"{m}{_SEED}" / file).exists()}
        missing = left_out(f"benchmarks/{name}/runs/METHOD{_SEED}/{' or '.join(FILES)}", benchmark_command(name))
        sets.append(_answer_set(name, title_of(name), files, missing))
    return sets


def _answer_set(source: str, title: str, files: Mapping[str, Path], missing: dict[str, str]) -> dict[str, Any]:
    there = {method: path for method, path in files.items() if path.exists()}
    if not there:
        return {"source": source, "title": title, **missing}
    questions: dict[Any, dict[str, Any]] = {}
    for method, path in there.items():
        for row in _read(path):
            question = questions.setdefault(row["question_id"], {key: row.get(key) for key in QUESTION} | {"answers": {}})
            kept = [key for key in (*MEASURES, *ATTACKS) if row.get(key) is not None]
            question["answers"][method] = {"response": row["response"], **{key: row[key] for key in kept}}
    return {"source": source, "title": title, "methods": list(there), "questions": list(questions.values())}


def _read(path: Path) -> list[dict[str, Any]]:
    import polars as pl

    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} can't be read as Parquet ({error}); run its evaluation again.") from None
    if "set" in frame.columns:
        frame = frame.filter(pl.col("response").is_not_null()).with_columns(
            split="set", question_id=pl.concat_str("set", "question", separator=": ")
        )
    for column in ("question_id", "split", "question", "answer", "response"):
        if column not in frame.columns:
            raise InputError(f"{path} lacks the column {column!r}; run its evaluation again.")
    return frame.to_dicts()
