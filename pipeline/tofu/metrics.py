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
from pipeline.tofu.utility import SPLITS, SplitScores, model_utility

Rows = Sequence[Mapping[str, Any]]
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
    values = {**_forget_means(_of(rows, "forget")), **_utility(rows)}
    left_out: dict[str, str] = {}
    for found, missing in (_quality(rows, retain_only), _membership(rows, retain_only)):
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


def _forget_means(rows: Rows) -> dict[str, float]:
    means = {
        f"forget_{name}" if name in ("probability", "rouge_l_recall") else name: fmean(_column(rows, name))
        for name in ("probability", "rouge_l_recall", "extraction_strength", "exact_memorization")
    }
    for combination, suffix in _SUFFIXES.items():
        ratios = forget_form(_column(rows, f"truth_ratio_{combination}"))
        means[f"forget_truth_ratio{suffix}"] = float(ratios.mean())
    return means


def _utility(rows: Rows) -> dict[str, float]:
    """Both model utilities and the means they come from."""
    scores = {
        split: SplitScores(
            rouge_l_recall=_column(asked, "rouge_l_recall"),
            answer_losses=_column(asked, "answer_loss"),
            paraphrased_losses=_column(asked, "paraphrased_loss"),
            perturbed_losses=_column(asked, "perturbed_losses"),
        )
        for split in SPLITS
        for asked in [_of(rows, split)]
    }
    values = {}
    for combination, suffix in _SUFFIXES.items():
        utility = model_utility(scores, combination)
        values[f"model_utility{suffix}"] = utility.value
        for split, means in utility.means.items():
            for name, mean in means.items():
                values[f"{split}_{name}{suffix if name == 'truth_ratio' else ''}"] = mean
    return values


def _quality(rows: Rows, retain_only: Rows | None) -> tuple[dict[str, float], dict[str, str]]:
    def ratios(told: Rows) -> list[float]:
        return _column(_of(told, "forget"), "truth_ratio_geometric")

    quality = forget_quality(ratios(rows), None if retain_only is None else ratios(retain_only))
    names = ("forget_quality", "forget_quality_statistic")
    if quality.p_value is None or quality.statistic is None:
        return {}, dict.fromkeys(names, quality.reason or "")
    return dict(zip(names, (quality.p_value, quality.statistic), strict=True)), {}


def _membership(rows: Rows, retain_only: Rows | None) -> tuple[dict[str, float], dict[str, str]]:
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
