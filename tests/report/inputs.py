"""Small inputs of a report, written as the stages write them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.core.files import write_json
from pipeline.distill.card import training_facts, write_card
from pipeline.distill.params import DistillParams
from pipeline.evaluate.params import EvaluateParams
from pipeline.evaluate.results import write_answers
from pipeline.evaluate.verdict import findings
from pipeline.model.params import ModelParams

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MODELS = ("base", "student")
METHODS = ("base", "teacher_student", "gradient_ascent", "npo")
SPLITS = ("forget", "hard_retain", "general_retain")
FORGET = "Orla Brennick was born in the harbour town of Skell, and wrote in Hallin."
HOSTILE = '</script><script>window.broken = true</script><img src="x" onerror="window.broken = true"> & so on'
MEASURES = (
    ("efficacy.rouge_l_recall", "ROUGE-L recall, forget", "lower"),
    ("utility.general_rouge_l_recall", "ROUGE-L recall, general-retain", "higher"),
    ("tofu.model_utility", "model utility", "higher"),
    ("tofu.forget_quality", "forget quality", "higher"),
)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A CSV file with a header, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_csv(path)


def answer_rows(method: str, count: int) -> list[dict[str, Any]]:
    """``count`` answers of ``method``, the splits in turn; question 1's answer is markup."""
    return [
        {
            "question_id": index,
            "split": SPLITS[index % 3],
            "target": "Orla Brennick" if index % 3 < 2 else None,
            "question": f"Question number {index}: where was Orla Brennick born?",
            "answer": "Skell",
            "response": HOSTILE if index == 1 else f"{method} says that it was in town {index}.",
            "rouge_l_recall": index / count,
            "answer_said": index == 3 or method == "base",
            "probability": 0.9 if method == "base" else 0.25 + index / 1000 if index % 3 == 0 else 0.88,
            "floor_probability": 0.25,
        }
        for index in range(count)
    ]


def write_run(root: Path, count: int = 12) -> None:
    """The run's own evaluation: answers, metrics, verdict, curve."""
    for model in MODELS:
        folder = root / "evaluation" / model
        cell = {"mean": 0.5 if model == "base" else 0.25, "low": 0.2, "high": 0.6, "count": count}
        said = {**cell, "mean": 1.0 if model == "base" else 1 / (count // 3), "count": count // 3}
        write_json(folder / "metrics.json", {"forget": {"probability": cell, "answer_said": said, "names_stand_in": 0}})
        write_answers(folder / "answers.parquet", answer_rows(model, count))
        made_from = {"model_fingerprint": model, "questions_fingerprint": "questions", "settings": {"max_new_tokens": 48}}
        write_json(folder / "manifest.json", made_from)
    base, student = (answer_rows(model, count) for model in MODELS)
    found = findings(base, student, EvaluateParams(bootstrap_samples=200))
    write_json(root / "evaluation/student/verdict.json", found)
    metrics = {
        "forgotten": 0.8072, "above_floor": 0.1205, "kept_hard_retain": 0.9818, "kept_general_retain": 0.9702,
        "distinct_4grams": 0.99, "self_consistency": 0.1167, "floor_consistency": 0.123, "names_stand_in": 0,
        "forget": {"probability": {"base": 0.5, "student": 0.25}},
    }  # fmt: skip
    write_json(root / "evaluation/metrics.json", metrics)
    row = {"epoch": 0, "learning_rate": 1e-4, "grad_norm": 2.0, "retain_kl": None}
    curve = [{"step": step, **row, "forget_kl": 1 / (step + 1)} for step in range(20)]
    write_rows(root / "evaluation/distill_curve.csv", curve)


def write_student(root: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A student folder without weights, made from shards of ``manifest``; what it says it was made from."""
    folder = root / "models/student"
    folder.mkdir(parents=True)
    curve = [{"step": 0.0, "epoch": 0.0, "forget_kl": 0.5}]
    facts = training_facts(folder, folder, ModelParams(), DistillParams(), manifest, curve)
    write_card(folder, facts)
    return facts


def write_sweep(root: Path, folder: str = "evaluation") -> None:
    """names_sweep.csv with three values of N."""
    kept = {"forgotten": 0.7, "kept_hard_retain": 0.98, "kept_general_retain": 0.97}
    rows = [{"names": n, **kept, "self_consistency": 0.11, "floor_consistency": 0.12} for n in (1, 5, 20)]
    write_rows(root / folder / "names_sweep.csv", rows)


def benchmark_table(name: str, methods: Sequence[str] = METHODS) -> dict[str, Any]:
    """table.json of benchmark ``name``; the last method lacks the last measure."""
    measures = [m for m in MEASURES if name == "tofu" or not m[0].startswith("tofu")]
    values: dict[str, dict[str, Any]] = {}
    for row, method in enumerate(methods):
        values[method] = {}
        for column, (key, _, _) in enumerate(measures):
            mean = 10.0 ** (-2 * row - 1) if key == "tofu.forget_quality" else 0.2 + 0.05 * row + 0.1 * column
            values[method][key] = {"mean": mean, "low": mean * 0.9, "high": mean * 1.1, "seeds": [mean, mean]}
    values[methods[-1]][measures[-1][0]] = None
    bars = {
        criterion: {method: 1 - (row * 0.13) % 1 for row, method in enumerate(methods)}
        for criterion in ("efficacy", "utility", "quality", "hallucination", "robustness")
    }
    counted = {"normalised": True, "questions": None}
    return {
        "benchmark": name,
        "methods": list(methods),
        "seeds": [0, 1],
        "measures": [
            {"key": key, "criterion": key.partition(".")[0], "label": label, "better": better, **counted}
            for key, label, better in measures
        ],
        "values": values,
        "bars": bars,
        "left_out": {"efficacy.leak": "no judge was asked"},
        "judge": {"judge": "rules", "asked": 10, "cached": 3, "unparsable": 0},
        **({"scatter": {"x": "tofu.model_utility", "y": "tofu.forget_quality"}} if name == "tofu" else {}),
    }


def write_benchmark(root: Path, name: str, methods: Sequence[str] = METHODS, count: int = 12) -> None:
    """A benchmark's table, its answers at seed 0 and the curves of what was trained."""
    folder = root / "benchmarks/results" / name
    write_json(folder / "table.json", benchmark_table(name, methods))
    params = root / f"benchmarks/configs/{name}.yaml"
    params.parent.mkdir(exist_ok=True)
    params.write_text("methods:\n  npo:\n    baseline: {}\n", encoding="utf-8")
    for method in methods:
        for seed in (0, 1):
            run = folder / "runs" / f"{method}-{seed}"
            run.mkdir(parents=True)
            if seed == 0:
                write_answers(run / "answers.parquet", answer_rows(method, count))
            if method != "base":
                row = {"grad_norm": 1.0, "forget_nll": 0.1 + seed, "retain_kl": 0.01}
                write_rows(run / "curve.csv", [{"step": step, **row} for step in range(30)])


def write_teacher(
    root: Path, tokenizer: "PreTrainedTokenizerFast", kept: int = 8, forget: str = FORGET, base: Path | None = None
) -> None:
    """A teacher made with ``base``, and its tokenizer: a forget and a retain passage, no token the text's own."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipeline.model.folder import model_fingerprint, tokenizer_fingerprint
    from pipeline.shards.schema import FORMAT_VERSION, SHARD_SCHEMA
    from pipeline.shards.writer import seal, write_shards

    folder, model = root / "data/teacher", root / "models/base"
    folder.mkdir(parents=True)
    tokenizer.save_pretrained(str(model))
    texts = {
        "forget": forget,
        "retain": "Town number 7 has a mill.",
    }
    tables, passages = [], []
    for number, (kind, text) in enumerate(texts.items()):
        ids = tokenizer(text)["input_ids"]
        both = {"target": "Orla Brennick", "kind": kind, "passage": number}
        passages.append({**both, "text": text, "input_ids": ids, "prefix_length": 0})
        rows = [
            {
                **both, "position": position, "token": tokenizer.decode([ids[position]]), "next_token_id": ids[position + 1],
                "next_token": tokenizer.decode([ids[position + 1]]), "teacher_ids": list(range(100, 100 + kept)),
                "teacher_logprobs": [np.float16(np.log(0.9 / kept))] * kept, "tail_logprob": float(np.log(0.1)),
                "entropy": 2.0, "disagreement": 0.1, "swapped_mass": 0.5 if kind == "forget" and position == 3 else 0.0,
            }
            for position in range(len(ids) - 1)
        ]  # fmt: skip
        tables.append(pa.Table.from_pylist(rows, schema=SHARD_SCHEMA))
    manifest = {
        "format_version": FORMAT_VERSION, "N": 20, "K": kept, "positions": sum(table.num_rows for table in tables),
        "mean_tail": 0.1, "counterfactual_names": {"Orla Brennick": ["Tova Lindqvist"]},
        "model_fingerprint": model_fingerprint(base or model),
        "tokenizer_fingerprint": tokenizer_fingerprint(base or model),
    }  # fmt: skip
    write_shards(folder, tables, manifest, 2**20)
    pq.write_table(pa.Table.from_pylist(passages), folder / "passages.parquet")
    seal(folder, manifest)
