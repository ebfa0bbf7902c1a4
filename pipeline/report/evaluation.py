"""The run's own evaluation: the few numbers, and base beside student with intervals over questions."""

from pathlib import Path
from typing import Any

from pipeline.made import read_json_object
from pipeline.paths import EVALUATION
from pipeline.report.sources import EVALUATE, left_out

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


def run_metrics(root: Path) -> dict[str, Any]:
    """{"summary": {measure: number}, "splits": [{"split", "rows": [{"label", "base", "student"}]}]}, or what is left out.

    A cell is {"mean", "low", "high", "count"} where the models' own metrics.json stand there, else {"mean"}.
    """
    path = root / EVALUATION / "metrics.json"
    if not path.exists():
        return left_out(f"{EVALUATION}/metrics.json", EVALUATE)
    metrics = read_json_object(path, EVALUATE)
    models = {}
    for model in ("base", "student"):
        own = root / EVALUATION / model / "metrics.json"
        models[model] = read_json_object(own, EVALUATE) if own.exists() else {}
    splits = []
    for split, measures in metrics.items():
        if isinstance(measures, dict):
            rows = [
                {
                    "label": label,
                    **{
                        model: models[model].get(split, {}).get(key) or _mean_alone(measures[key].get(model))
                        for model in ("base", "student")
                    },
                }
                for key, label in MEASURES.items()
                if key in measures
            ]
            splits.append({"split": split, "rows": rows})
    return {"summary": {key: value for key, value in metrics.items() if not isinstance(value, dict)}, "splits": splits}


def _mean_alone(value: float | None) -> dict[str, float] | None:
    return None if value is None else {"mean": value}
