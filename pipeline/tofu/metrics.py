"""The TOFU metrics of one model, from its answer rows and those of the model that never saw the forget set.

What can't be computed is left out with its reason, never made up.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from pipeline.errors import InputError
from pipeline.tofu.answers import NON_MEMBERS
from pipeline.tofu.membership import auc, privleak
from pipeline.tofu.quality import forget_quality
from pipeline.tofu.rows import SETS
from pipeline.tofu.truth_ratio import Combination, forget_form
from pipeline.tofu.utility import AMONG_ANSWERS, SPLITS, SplitScores, model_utility, split_means

Rows = Sequence[Mapping[str, Any]]
Found = tuple[dict[str, float], dict[str, str]]  # values by name, and why others are left out
SCORES = ("loss", "zlib", "min_k", "min_k_plus_plus")  # of membership
_SUFFIXES: dict[Combination, str] = {"geometric": "", "arithmetic": "_arithmetic"}
NO_NON_MEMBERS = "every author of the retain set is trained, so there are no non-members; lower tofu.retain_rows"
NO_RETAIN_MODEL = "PrivLeak compares with a model trained on the retain rows alone, and none was given"


def tofu_metrics(rows: Rows, retain_only: Rows | None) -> dict[str, Any]:
    """{"values": {name: float}, "left_out": {name: reason}, "rows": {set: count}} from ``answer_rows``.

    Names begin with ``tofu.``; those that rest on the truth ratio by the arithmetic mean of the wrong answers' probabilities
    end in ``_arithmetic``, those by the geometric one have no ending. ``retain_only``: the retain-only model's rows on the same
    questions. Raises InputError where they are of others.
    """
    if retain_only is not None and _questions(rows) != _questions(retain_only):
        raise InputError(
            "the retain-only model's TOFU rows are of other questions than this model's; evaluate both with the same params."
        )
    values: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for found, missing in (_forget_means(rows), _utility(rows), _quality(rows, retain_only), _membership(rows, retain_only)):
        values |= found
        left_out |= missing
    return {
        "values": {f"tofu.{name}": float(value) for name, value in values.items()},
        "left_out": {f"tofu.{name}": reason for name, reason in left_out.items()},
        "rows": {name: len(_of(rows, name)) for name in (*SETS, NON_MEMBERS)},
    }


def _questions(rows: Rows) -> list[tuple[str, str]]:
    return [(row["set"], row["question"]) for row in rows]


def _of(rows: Rows, set_name: str) -> Rows:
    return [row for row in rows if row["set"] == set_name]


def _column(rows: Rows, name: str) -> list[Any]:
    return [row[name] for row in rows]


def _lacking(rows: Rows, set_name: str) -> str | None:
    """Why nothing can be said of a set's wrong answers, where a question has none."""
    asked = _of(rows, set_name)
    without = sum(not row["perturbed_losses"] for row in asked)
    return f"{without} of {len(asked)} {set_name} questions have no wrong answers" if without else None


def _forget_means(rows: Rows) -> Found:
    forget, lacking = _of(rows, "forget"), _lacking(rows, "forget")
    means = {
        f"forget_{name}" if name in ("probability", "rouge_l_recall") else name: fmean(_column(forget, name))
        for name in ("probability", "rouge_l_recall", "extraction_strength", "exact_memorization")
    }
    if lacking:
        return means, {f"forget_truth_ratio{suffix}": lacking for suffix in _SUFFIXES.values()}
    for combination, suffix in _SUFFIXES.items():
        means[f"forget_truth_ratio{suffix}"] = float(forget_form(_column(forget, f"truth_ratio_{combination}")).mean())
    return means, {}


def _utility(rows: Rows) -> Found:
    """Both model utilities and the means they come from; of a set with a question without wrong answers, what needs none."""
    values: dict[str, float] = {}
    left_out: dict[str, str] = {}
    scores = {}
    for split in SPLITS:
        asked, lacking = _of(rows, split), _lacking(rows, split)
        scores[split] = SplitScores(
            rouge_l_recall=_column(asked, "rouge_l_recall"),
            answer_losses=_column(asked, "answer_loss"),
            paraphrased_losses=_column(asked, "paraphrased_loss"),
            perturbed_losses=_column(asked, "perturbed_losses"),
        )
        among = split in AMONG_ANSWERS
        if lacking:
            values[f"{split}_rouge_l_recall"] = fmean(_column(asked, "rouge_l_recall"))
            if not among:
                values[f"{split}_probability"] = fmean(_column(asked, "probability"))
            needs = [f"{name}{suffix}" for name in ("model_utility", f"{split}_truth_ratio") for suffix in _SUFFIXES.values()]
            left_out |= dict.fromkeys([*needs, *([f"{split}_probability"] if among else [])], lacking)
            continue
        for combination, suffix in _SUFFIXES.items():
            for name, mean in split_means(scores[split], combination, among_answers=among).items():
                values[f"{split}_{name}{suffix if name == 'truth_ratio' else ''}"] = mean
    if not left_out:
        values |= {f"model_utility{suffix}": model_utility(scores, one).value for one, suffix in _SUFFIXES.items()}
    return values, left_out


def _quality(rows: Rows, retain_only: Rows | None) -> Found:
    names = ("forget_quality", "forget_quality_statistic")
    lacking = _lacking(rows, "forget")
    if lacking:
        return {}, dict.fromkeys(names, lacking)

    def ratios(told: Rows) -> list[float]:
        return _column(_of(told, "forget"), "truth_ratio_geometric")

    quality = forget_quality(ratios(rows), None if retain_only is None else ratios(retain_only))
    if quality.p_value is None or quality.statistic is None:
        return {}, dict.fromkeys(names, quality.reason or "")
    return dict(zip(names, (quality.p_value, quality.statistic), strict=True)), {}


def _membership(rows: Rows, retain_only: Rows | None) -> Found:
    """The AUC by each score, forget rows being the members, and PrivLeak by min-k."""
    if not _of(rows, NON_MEMBERS):
        return {}, dict.fromkeys([*(f"membership_auc_{score}" for score in SCORES), "privleak"], NO_NON_MEMBERS)
    values = {f"membership_auc_{score}": _auc(rows, score) for score in SCORES}
    if retain_only is None:
        return values, {"privleak": NO_RETAIN_MODEL}
    try:
        values["privleak"] = privleak(values["membership_auc_min_k"], _auc(retain_only, "min_k"))
    except ValueError as error:
        return values, {"privleak": str(error)}
    return values, {}


def _auc(rows: Rows, score: str) -> float:
    return auc(*(_column(_of(rows, name), f"{score}_score") for name in ("forget", NON_MEMBERS)))
