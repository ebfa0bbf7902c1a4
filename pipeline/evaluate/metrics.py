"""From answers to metrics: per split means with bootstrap intervals, and the student beside the base."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from pipeline.evaluate.params import EvaluateParams
from pipeline.prepare.tables import SPLITS

LEVEL = 0.95
MEASURES = (
    *("probability", "paraphrased_probability", "accuracy", "rouge_l_recall", "distinct_4grams"),
    *("floor_probability", "self_consistency", "floor_consistency"),
)


def mean_with_interval(values: Sequence[float], samples: int, seed: int) -> dict[str, float]:
    """Mean of ``values`` and its 95 % percentile bootstrap interval over ``samples`` resamples: mean, low, high, count."""
    import numpy as np
    from scipy.stats import bootstrap

    data = np.asarray(values, dtype=np.float64)
    mean = low = high = float(data.mean())
    if np.ptp(data):  # equal values have no spread to resample
        rng = np.random.default_rng(seed)
        low, high = bootstrap(
            (data,), np.mean, n_resamples=samples, confidence_level=LEVEL, method="percentile", vectorized=True, rng=rng
        ).confidence_interval
    return {"mean": round(mean, 4), "low": round(float(low), 4), "high": round(float(high), 4), "count": len(data)}


def split_metrics(rows: Sequence[Mapping[str, Any]], params: EvaluateParams) -> dict[str, dict[str, Any]]:
    """{split: {measure: {mean, low, high, count}, "names_stand_in": count}}; a measure no question has is left out."""
    metrics: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        chosen = [row for row in rows if row["split"] == split]
        for measure in MEASURES:
            column = "correct" if measure == "accuracy" else measure
            values = [float(row[column]) for row in chosen if row[column] is not None]
            if values:
                interval = mean_with_interval(values, params.bootstrap_samples, params.seed)
                metrics.setdefault(split, {})[measure] = interval
        if chosen:
            metrics.setdefault(split, {})["names_stand_in"] = sum(row["names_stand_in"] for row in chosen)
    return metrics


def summary(base: Mapping[str, Any], student: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers that say whether the forgetting worked.

    forgotten: share of the way from the base's probability on forget questions to the floor (1 is all of it).
    above_floor: the student's probability on forget questions minus the floor.
    kept_SPLIT: the student's probability on a retain split over the base's.
    distinct_4grams: the student's over the base's, on all splits' mean.
    names_stand_in: the student's answers that hold a counterfactual name.
    self_consistency: how much the student's sampled answers to one forget question agree (floor_consistency: the base's about
    somebody it never met).
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
        value = mean(metrics, "forget", measure)
        if value is not None:
            result[measure] = round(value, 4)
    result["names_stand_in"] = sum(split["names_stand_in"] for split in student.values())
    return result


def side_by_side(base: Mapping[str, Any], student: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """{split: {measure: {"base": mean, "student": mean}}}, and the floor beside the base on forget questions."""
    models = {"base": base, "student": student}
    return {
        split: {
            measure: {
                who: metrics[split][measure]["mean"] for who, metrics in models.items() if measure in metrics.get(split, {})
            }
            for measure in base[split]
            if measure != "names_stand_in"
        }
        for split in student
    }
