"""What an evaluation leaves behind: answers in Parquet, metrics in JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import InputError


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
    """The base's answers and metrics. Raises InputError when the base has not been evaluated."""
    import pyarrow.parquet as pq

    if not (folder / "metrics.json").exists():
        raise InputError(f"{folder} holds no evaluation of the base model; run python -m stages.evaluate base first.")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return pq.read_table(folder / "answers.parquet").to_pylist(), metrics
