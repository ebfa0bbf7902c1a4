"""What an evaluation leaves behind: answers in Parquet, base and student on the terminal, and the student's model card."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.outputs import command_for, read_json_object, read_parquet, write_parquet

_TRUTHS = ("names_stand_in", "correct", "unavailable")
_TEXTS = ("split", "target", "question", "answer", "response")  # how the names of texts end; other columns are numbers
_TABLE = {
    "probability": "probability of the right answer",
    "paraphrased_probability": "  the question in other words",
    "accuracy": "right answer on top",
    "rouge_l_recall": "ROUGE-L recall",
    "distinct_4grams": "distinct 4-grams",
    "self_consistency": "sampled answers agree",
}
_WIDTH = 150  # of an answer on the terminal, characters
_FLOORS = {"floor_probability": "floor (names the model never met)", "floor_consistency": "floor of the agreement"}
_MEANINGS = {
    "forgotten": "share of the way from the base model to one that never met the targets, 1 is all of it",
    "above_floor": "probability of the right answer beyond an uninformed guess, 0 is none",
    "kept_hard_retain": "the student's probability over the base's, on neighbours of the targets",
    "kept_general_retain": "the student's probability over the base's, on general knowledge",
    "distinct_4grams": "variety of wording over the base's",
    "names_stand_in": "answers that hold a counterfactual name, 0 is right",
}
_BEFORE = "\n## Limits\n"


def write_answers(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one row a question as Parquet, its columns typed by name (also those that are null throughout)."""
    import pyarrow as pa

    types = {"question_id": pa.int32(), "wrong_answers": pa.list_(pa.string()), **dict.fromkeys(_TRUTHS, pa.bool_())}
    types |= {key: pa.string() for key in rows[0] if key.endswith(_TEXTS)}
    write_parquet(path, rows, pa.schema([(key, types.get(key, pa.float64())) for key in rows[0]]))


def read_base(folder: Path, questions: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The base's answers and metrics in ``folder``.

    Raises InputError when the base has not been evaluated, a file is broken, or it was asked other ``questions``.
    """
    metrics = read_json_object(folder / "metrics.json")
    rows: list[dict[str, Any]] = read_parquet(folder / "answers.parquet").to_pylist()
    if [row["question"] for row in rows] != [question["question"] for question in questions]:
        raise InputError(
            f"{folder}: the base was asked other questions than those of now; ask it again ({command_for(folder)})."
        )
    return rows, metrics


def before_after(base: Mapping[str, Any], student: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the table: a block a split, means with 95 % intervals."""

    def cell(value: Mapping[str, float]) -> str:
        return f"{value['mean']:.3f} [{value['low']:.2f}, {value['high']:.2f}]"

    yield f"{'':34}{'base':>22}{'student':>22}"
    for split, metrics in student.items():
        yield f"{split} ({metrics['distinct_4grams']['count']} questions)"
        for measure, label in _TABLE.items():
            if measure in metrics and measure in base[split]:
                yield f"  {label:32}{cell(base[split][measure]):>22}{cell(metrics[measure]):>22}"
        for measure, label in _FLOORS.items():
            if measure in base[split]:
                yield f"  {label:33}{cell(base[split][measure]):>21}"


def sample_answers(base: Sequence[Mapping[str, Any]], student: Sequence[Mapping[str, Any]], each: int = 2) -> Iterator[str]:
    """Lines with the first ``each`` questions of every split (and target), and both models' answers."""
    shown: Counter[tuple[str, str | None]] = Counter()
    for before, after in zip(base, student, strict=True):
        key = (before["split"], before["target"])
        shown[key] += 1
        if shown[key] <= each:
            yield f"[{before['split']}] {before['question']}"
            for who, row in (("base:   ", before), ("student:", after)):
                text = " ".join(row["response"].split())
                yield f"  {who} {text if len(text) <= _WIDTH else text[: _WIDTH - 1] + '…'}"


def with_metrics(card: str, summary: Mapping[str, float]) -> str:
    """``card`` with the numbers of ``summary`` (see metrics.summary) in its metadata and as a section before its limits.

    It is evaluation/student/README.md, to be published instead of the first card.
    """
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    shown = {key: value for key, value in summary.items() if key in _MEANINGS}
    document = ModelCard(card)
    results = [
        EvalResult(
            task_type="question-answering",
            dataset_type="nevermet",
            dataset_name="questions on targets, neighbours and the rest",
            metric_type=key,
            metric_name=key.replace("_", " "),
            metric_value=value,
        )
        for key, value in shown.items()
    ]
    metadata = ModelCardData(**document.data.to_dict(), model_name="student", eval_results=results).to_yaml().strip()
    rows = [f"| {key.replace('_', ' ')} | {value} | {_MEANINGS[key]} |" for key, value in shown.items()]
    section = "\n".join(["", "## Measured", "", "| measure | value | meaning |", "| --- | --- | --- |", *rows, ""])
    return f"---\n{metadata}\n---\n{document.text.lstrip().replace(_BEFORE, section + _BEFORE, 1)}"
