"""The run's evaluation and the benchmarks': the few numbers that matter, base beside student, every question's answers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.outputs import EVALUATION, read_json_object, read_parquet
from pipeline.report.sources import BASE, OURS, RESULTS, benchmark_command, left_out, shown, title_of

MODELS = (BASE, "student")
MEASURES = {
    "probability": "probability of the right answer",
    "paraphrased_probability": "the same, question in other words",
    "accuracy": "right answer on top",
    "rouge_l_recall": "ROUGE-L recall",
    "distinct_4grams": "distinct 4-grams",
    "self_consistency": "sampled answers agree",
    "floor_probability": "floor of the probability (base on invented people)",
    "floor_consistency": "floor of the agreement (base on invented people)",
}
# Of the summary: how a number is written, what it is called, what it means.
_CARDS = {
    "forgotten": ("{:.1%}", "forgotten", "of the way from the base model to one that never met the targets"),
    "above_floor": ("{:.3f}", "left above the floor", "probability of the right answer beyond an uninformed guess; 0 is none"),
    "kept_hard_retain": ("{:.1%}", "kept of the neighbours", "the student's probability over the base's, near subjects"),
    "kept_general_retain": ("{:.1%}", "kept of the rest", "the student's probability over the base's, general knowledge"),
    "distinct_4grams": ("{:.1%}", "variety of wording", "distinct 4-grams over the base's; far below 100 % is repetition"),
    "names_stand_in": ("{:.0f}", "stand-ins named", "answers that hold a counterfactual name; 0 is right"),
    "self_consistency": ("{:.3f}", "sampled answers agree", "low is guessing"),
}
_QUESTION = ("split", "target", "question", "answer")
_ANSWER = (
    "rouge_l_recall", "probability", "leak", "quality", "unavailable", "many_shot_response", "soft_embedding_response"
)  # fmt: skip
_FILES = ("answers.parquet", "rows.parquet")  # of the criteria; of TOFU's metrics, where a set stands for a split
_SEED = "-0"  # of a run's folder: answers are shown of the first seed


def run_metrics(root: Path) -> dict[str, Any]:
    """{"summary": {measure: number}, "splits": [{"split", "rows": [{"label", "base", "student"}]}]}, or what is left out.

    A cell is {"mean", "low", "high", "count"} where the models' own metrics.json stand there, else {"mean"}.
    """
    path = EVALUATION / "metrics.json"
    if not (root / path).exists():
        return left_out(path)
    files = {model: root / EVALUATION / model / "metrics.json" for model in MODELS}
    own = {model: read_json_object(file) if file.exists() else {} for model, file in files.items()}

    def row(split: str, key: str, means: Mapping[str, float]) -> dict[str, Any]:
        rough = {model: {"mean": means[model]} if model in means else None for model in MODELS}
        return {"label": MEASURES[key], **{model: own[model].get(split, {}).get(key, rough[model]) for model in MODELS}}

    metrics = read_json_object(root / path)
    splits = {key: value for key, value in metrics.items() if isinstance(value, dict)}
    return {
        "summary": {key: value for key, value in metrics.items() if key not in splits},
        "splits": [
            {"split": split, "rows": [row(split, key, measures[key]) for key in MEASURES if key in measures]}
            for split, measures in splits.items()
        ],
    }


def headline(run: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """[{"value", "label", "meaning"}] of the run, then of our method in each benchmark; empty when there is neither."""
    cards = [*_run_cards(run.get("summary", {}))]
    for name, table in tables.items():
        cards += [] if "missing" in table else _benchmark_cards(title_of(name), table)
    return [dict(zip(("value", "label", "meaning"), card, strict=True)) for card in cards]


def _run_cards(summary: Mapping[str, float]) -> Iterator[tuple[str, str, str]]:
    floor = summary.get("floor_consistency")
    for key, (form, label, meaning) in _CARDS.items():
        if key in summary:
            if key == "self_consistency" and floor is not None:
                meaning = f"{meaning}; the base model about somebody it never met: {floor:.3f}"
            yield form.format(summary[key]).replace("%", "\u202f%"), label, meaning


def _benchmark_cards(title: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """In how many criteria our method's bar is the highest, and its two values of the scatter."""
    bars = [heights for heights in table["bars"].values() if OURS in heights]
    if bars:
        rivals = {method for heights in bars for method in heights} - {BASE}
        first = sum(heights[OURS] >= max(h for m, h in heights.items() if m != BASE) for heights in bars)
        meaning = f"in which {shown(OURS)} has the highest bar of {len(rivals)} methods, the base aside"
        yield f"{first} of {len(bars)}", f"{title}: criteria led", meaning
    for measure in table["measures"]:
        ours, base = (table["values"].get(method, {}).get(measure["key"]) for method in (OURS, BASE))
        if measure["key"] in table.get("scatter", {}).values() and ours:
            than = f"; the base model: {base['mean']:.3g}" if base else ""
            meaning = f"{measure['better']} is better, of {shown(OURS)}{than}"
            yield f"{ours['mean']:.3g}", f"{title}: {measure['label']}", meaning


def answer_sets(root: Path, tables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One set for the run and one for each benchmark, or what is left out of it.

    A set is {"source", "title", "methods", "questions"}; a question has its split, target, text and right answer, and
    "answers": {method: {column: value}} with "response" and what else was measured or said. Raises InputError for a file that
    is no table of answers.
    """
    own = {model: path for model in MODELS if (path := root / EVALUATION / model / _FILES[0]).exists()}
    missing = left_out(EVALUATION / BASE / _FILES[0])
    sets = [{"source": "run", "title": "This run", **(_answers(own) if own else missing)}]
    for name, table in tables.items():
        runs = root / RESULTS / name / "runs"
        found = [path.name.removesuffix(_SEED) for path in sorted(runs.glob(f"*{_SEED}"))]
        methods = dict.fromkeys([*table.get("methods", []), *found])
        files = {m: path for m in methods for file in _FILES if (path := runs / f"{m}{_SEED}" / file).exists()}
        missing = left_out(RESULTS / name / f"runs/METHOD{_SEED}" / " or ".join(_FILES), benchmark_command(name))
        sets.append({"source": name, "title": title_of(name), **(_answers(files) if files else missing)})
    return sets


def _answers(files: Mapping[str, Path]) -> dict[str, Any]:
    """The methods and questions of ``files``, {method: its table}."""
    questions: dict[Any, dict[str, Any]] = {}
    for method, path in files.items():
        for row in _rows(path):
            question = questions.setdefault(row["question_id"], {key: row.get(key) for key in _QUESTION} | {"answers": {}})
            known = {key: row[key] for key in _ANSWER if row.get(key) is not None}
            question["answers"][method] = {"response": row["response"], **known}
    return {"methods": list(files), "questions": list(questions.values())}


def _rows(path: Path) -> list[dict[str, Any]]:
    import polars as pl

    frame = pl.DataFrame(read_parquet(path))
    if "set" in frame.columns:
        identity = pl.concat_str("set", "question", separator=": ")
        frame = frame.filter(pl.col("response").is_not_null()).with_columns(split="set", question_id=identity)
    for column in ("question_id", "split", "question", "answer", "response"):
        if column not in frame.columns:
            raise InputError(f"{path} lacks the column {column!r}; run its evaluation again.")
    return frame.to_dicts()
