"""What an evaluation leaves behind: answers in Parquet, metrics in JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.made import command_for, read_json_object, read_parquet


def write_answers(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write one row a question as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = (
        "rouge_l_recall",
        "distinct_4grams",
        "probability",
        "paraphrased_probability",
        "floor_probability",
        "self_consistency",
        "floor_consistency",
        "leak",
        "quality",
        "base_nll",
        "many_shot_rouge_l_recall",
        "soft_embedding_rouge_l_recall",
    )
    texts = (
        "split",
        "target",
        "question",
        "answer",
        "paraphrased_question",
        "paraphrased_answer",
        "response",
        "many_shot_response",
        "soft_embedding_response",
    )
    types = {
        "question_id": pa.int32(),
        "wrong_answers": pa.list_(pa.string()),
        "names_stand_in": pa.bool_(),
        "correct": pa.bool_(),
        "unavailable": pa.bool_(),
        **dict.fromkeys(numbers, pa.float64()),
        **dict.fromkeys(texts, pa.string()),
    }
    schema = pa.schema([(key, types[key]) for key in rows[0]])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, compression="zstd")


def read_base(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The base's answers and metrics. Raises InputError when the base has not been evaluated, or a file is broken."""
    metrics = read_json_object(folder / "metrics.json")
    return read_parquet(folder / "answers.parquet").to_pylist(), metrics


def check_same_questions(base_rows: Sequence[Mapping[str, Any]], questions: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Raise InputError when the base, whose answers lie in ``folder``, was asked other ``questions``."""
    if [row["question"] for row in base_rows] != [question["question"] for question in questions]:
        raise InputError(
            f"{folder}: the base was asked other questions than those of now; ask it again ({command_for(folder)})."
        )
