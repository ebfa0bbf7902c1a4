"""From answers to metrics: per split means with intervals, and the student beside the base."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.evaluate.intervals import mean_with_interval
from pipeline.params import EvaluateParams
from pipeline.tables import SPLITS

MEASURES = (
    "probability",
    "paraphrased_probability",
    "correct",
    "rouge_l_recall",
    "distinct_4grams",
    "floor_probability",
    "self_consistency",
    "floor_consistency",
)
_NAMES = {"correct": "accuracy"}


def split_metrics(rows: Sequence[Mapping[str, Any]], params: EvaluateParams) -> dict[str, dict[str, Any]]:
    """{split: {measure: {mean, low, high, count}, "names_stand_in": count}}; a measure no question has is left out."""
    metrics: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        chosen = [row for row in rows if row["split"] == split]
        if not chosen:
            continue
        metrics[split] = {}
        for measure in MEASURES:
            values = [float(row[measure]) for row in chosen if row[measure] is not None]
            if values:
                name = _NAMES.get(measure, measure)
                metrics[split][name] = mean_with_interval(values, params.bootstrap_samples, params.seed)
        metrics[split]["names_stand_in"] = sum(row["names_stand_in"] for row in chosen)
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
    result: dict[str, float] = {}
    forget_base, forget = base.get("forget", {}), student.get("forget", {})
    if "floor_probability" in forget_base and "probability" in forget:
        before, floor = forget_base["probability"]["mean"], forget_base["floor_probability"]["mean"]
        after = forget["probability"]["mean"]
        result["above_floor"] = round(after - floor, 4)
        if before > floor:
            result["forgotten"] = round((before - after) / (before - floor), 4)
    for split in ("hard_retain", "general_retain"):
        if "probability" in base.get(split, {}) and "probability" in student.get(split, {}):
            before = base[split]["probability"]["mean"]
            if before > 0:
                result[f"kept_{split}"] = round(student[split]["probability"]["mean"] / before, 4)

    def distinct(metrics: Mapping[str, Any]) -> float:
        counts = sum(m["distinct_4grams"]["count"] for m in metrics.values())
        return sum(m["distinct_4grams"]["mean"] * m["distinct_4grams"]["count"] for m in metrics.values()) / counts

    result["distinct_4grams"] = round(distinct(student) / max(distinct(base), 1e-9), 4)
    for measure, metrics in (("self_consistency", student), ("floor_consistency", base)):
        if measure in metrics.get("forget", {}):
            result[measure] = round(metrics["forget"][measure]["mean"], 4)
    result["names_stand_in"] = sum(m["names_stand_in"] for m in student.values())
    return result


def side_by_side(base: Mapping[str, Any], student: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """{split: {measure: {"base": mean, "student": mean}}}, and the floor beside the base on forget questions."""
    return {
        split: {
            measure: {
                who: metrics[split][measure]["mean"]
                for who, metrics in (("base", base), ("student", student))
                if measure in metrics.get(split, {})
            }
            for measure in base[split]
            if measure != "names_stand_in"
        }
        for split in student
    }
