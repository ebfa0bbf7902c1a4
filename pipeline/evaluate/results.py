"""What an evaluation leaves behind: answers, their means with intervals, base and student side by side, the model card."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.outputs import command_for, read_parquet, write_parquet
from pipeline.evaluate.params import EvaluateParams
from pipeline.evaluate.statistics import mean_with_interval
from pipeline.evaluate.verdict import RULES, lines
from pipeline.prepare.tables import SPLITS

_MEASURES = {  # with what the terminal calls them; the base alone has floors
    "probability": "probability of the right answer",
    "paraphrased_probability": "  the question in other words",
    "accuracy": "right answer on top",
    "answer_said": "right answer in its own words",
    "rouge_l_recall": "ROUGE-L recall",
    "distinct_4grams": "distinct 4-grams",
    "sampled_said": "right answer in sampled answers",
    "sampled_leak": "  in at least one of them",
    "floor_probability": "floor (names the model never met)",
    "self_consistency": "sampled answers agree",
    "floor_consistency": "floor of the agreement",
    "floor_sampled_said": "floor of sampled answers",
    "floor_sampled_leak": "  in at least one of them",
}
_MEANINGS = {
    "forgotten": "share of the way from the base model to one that never met the targets, 1 is all of it",
    "above_floor": "probability of the right answer beyond an uninformed guess, 0 is none",
    "kept_hard_retain": "the student's probability over the base's, on neighbours of the targets",
    "kept_general_retain": "the student's probability over the base's, on general knowledge",
    "distinct_4grams": "variety of wording over the base's",
    "names_stand_in": "answers that hold a counterfactual name, 0 is right",
}
_TRUTHS = ("names_stand_in", "correct", "answer_said", "unavailable")
# How the names of texts end; other columns are numbers.
_TEXTS = ("split", "target", "question", "answer", "response", "type", "neighbour")
_WIDTH = 150  # of an answer on the terminal, characters
_BEFORE = "\n## Limits\n"


def write_answers(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one row a question as Parquet, its columns typed by name (also those that are null throughout)."""
    import pyarrow as pa

    types = {**dict.fromkeys(("question_id", "level"), pa.int32()), **dict.fromkeys(_TRUTHS, pa.bool_())}
    types |= {"wrong_answers": pa.list_(pa.string()), **{key: pa.string() for key in rows[0] if key.endswith(_TEXTS)}}
    write_parquet(path, rows, pa.schema([(key, types.get(key, pa.float64())) for key in rows[0]]))


def read_base(folder: Path, questions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The base's answers in ``folder``, as far as the student's are compared with them.

    Raises InputError when the base has not been evaluated, its table is broken, or it was asked other ``questions``.
    """
    columns = dict.fromkeys(["split", "target", "question", "response", "names_stand_in", *map(_column, _MEASURES)])
    rows: list[dict[str, Any]] = read_parquet(folder / "answers.parquet", list(columns)).to_pylist()
    if [row["question"] for row in rows] != [question["question"] for question in questions]:
        raise InputError(
            f"{folder}: the base was asked other questions than those of now; ask it again ({command_for(folder)})."
        )
    return rows


def _column(measure: str) -> str:
    """The column of the answers that ``measure`` is the mean of."""
    return "correct" if measure == "accuracy" else measure


def split_metrics(rows: Sequence[Mapping[str, Any]], params: EvaluateParams) -> dict[str, dict[str, Any]]:
    """{split: {measure: {mean, low, high, count}, "names_stand_in": count}}; a measure no question has is left out."""
    metrics: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        if chosen := [row for row in rows if row["split"] == split]:
            own = metrics.setdefault(split, {})
            for measure in _MEASURES:
                column = _column(measure)
                if valued := [row for row in chosen if row[column] is not None]:
                    values, people = [float(row[column]) for row in valued], [row["target"] for row in valued]
                    own[measure] = mean_with_interval(values, people, params.bootstrap_samples, params.seed)
            own["names_stand_in"] = sum(row["names_stand_in"] for row in chosen)
    return metrics


def summary(base: Mapping[str, Any], student: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers that say whether the forgetting worked: those of _MEANINGS, as far as they can be told.

    And self_consistency, how much the student's sampled answers to one forget question agree, with floor_consistency, the
    same of the base about somebody it never met.
    """

    def mean(metrics: Mapping[str, Any], split: str, measure: str) -> float | None:
        return metrics.get(split, {}).get(measure, {}).get("mean")

    def distinct(metrics: Mapping[str, Any]) -> float:
        values = [split["distinct_4grams"] for split in metrics.values()]
        return fmean([value["mean"] for value in values], [value["count"] for value in values])

    result: dict[str, float] = {}
    before, after = mean(base, "forget", "probability"), mean(student, "forget", "probability")
    floor = mean(base, "forget", "floor_probability")
    if before is not None and after is not None and floor is not None:
        result["above_floor"] = round(after - floor, 4)
        if before > floor:
            result["forgotten"] = round((before - after) / (before - floor), 4)
    for split in ("hard_retain", "general_retain"):
        before, after = mean(base, split, "probability"), mean(student, split, "probability")
        if before and after is not None:
            result[f"kept_{split}"] = round(after / before, 4)
    result["distinct_4grams"] = round(distinct(student) / max(distinct(base), 1e-9), 4)
    for measure, metrics in (("self_consistency", student), ("floor_consistency", base)):
        if (value := mean(metrics, "forget", measure)) is not None:
            result[measure] = round(value, 4)
    result["names_stand_in"] = sum(split["names_stand_in"] for split in student.values())
    return result


def side_by_side(base: Mapping[str, Any], student: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """{split: {measure: {"base": mean, "student": mean}}}, and the floor beside the base on forget questions."""
    models = {"base": base, "student": student}
    return {
        split: {
            measure: {who: own[split][measure]["mean"] for who, own in models.items() if measure in own.get(split, {})}
            for measure in base[split]
            if measure != "names_stand_in"
        }
        for split in student
    }


def before_after(base: Mapping[str, Any], student: Mapping[str, Any], few: Mapping[str, float]) -> Iterator[str]:
    """Lines of the table: a block a split, means with 95 % intervals, the floors last; then the ratios of ``few``."""

    def cell(value: Mapping[str, float]) -> str:
        return f"{value['mean']:.3f} [{value['low']:.2f}, {value['high']:.2f}]"

    yield f"{'':34}{'base':>22}{'student':>22}"
    for split, metrics in student.items():
        yield f"{split} ({metrics['distinct_4grams']['count']} questions)"
        for measure, label in sorted(_MEASURES.items(), key=lambda item: item[0].startswith("floor")):
            models = [base[split]] if measure.startswith("floor") else [base[split], metrics]
            if all(measure in model for model in models):
                yield f"  {label:36}" + "    ".join(cell(model[measure]) for model in models)
    for key in few:
        if f"{key}_low" in few:
            found = {"mean": few[key], "low": few[f"{key}_low"], "high": few[f"{key}_high"]}
            yield f"{key.replace('_', ' '):38}{'':22}{cell(found)}"


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


def with_metrics(card: str, summary: Mapping[str, float], found: Mapping[str, Any]) -> str:
    """``card`` with the verdict ``found`` and the numbers of ``summary`` before its limits, and these in its metadata too.

    To be published in its place.
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
    spans = {key: f" [{summary[f'{key}_low']}, {summary[f'{key}_high']}]" for key in shown if f"{key}_low" in summary}
    rows = [f"| {key.replace('_', ' ')} | {value}{spans.get(key, '')} | {_MEANINGS[key]} |" for key, value in shown.items()]
    verdict = [f"- {line}" for line in lines(found)]
    rules = [f"{kind.capitalize()}, by which rule: {rule}" for kind, rule in RULES.items()]
    head = [
        "",
        "## Measured",
        "",
        *verdict,
        "",
        *rules,
        "",
        "| measure | value [95 % interval] | meaning |",
        "| --- | --- | --- |",
    ]
    section = "\n".join([*head, *rows, ""])
    return f"---\n{metadata}\n---\n{document.text.lstrip().replace(_BEFORE, section + _BEFORE, 1)}"
