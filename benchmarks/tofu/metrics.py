"""All TOFU metrics of one model, from its answer rows and those of the model that never saw the forget set.

Model utility is one number for what a model still knows outside the forget split: the harmonic mean of nine means,
{retain, real authors, world facts} x {ROUGE-L recall, probability, truth ratio} (Maini et al., "TOFU: A Task of Fictitious
Unlearning for LLMs", 2024, section 2.2). It is low as soon as one of them is, and 0 where one is 0.

- ROUGE-L recall of the right answer in the generated one.
- Probability of the right answer, exp(-mean token loss); for real authors and world facts its share among all answers of the
  question, as in a multiple-choice question.
- Truth ratio in its retain form, max(0, 1 - R), by either definition of R (see ``truth_ratio``). On one model the two model
  utilities differ by about 0.04, so names that rest on the arithmetic one, the paper's, end in ``_arithmetic``; those by the
  geometric one, the released code's and OpenUnlearning's, have no ending.

What can't be computed is left out with its reason, never made up.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean, harmonic_mean
from typing import Any

import numpy as np

from benchmarks.tofu.answers import AMONG_ANSWERS, NON_MEMBERS
from benchmarks.tofu.measures import Combination, auc, forget_form, forget_quality, privleak, retain_form
from benchmarks.tofu.rows import SETS
from pipeline.core.errors import InputError

Rows = Sequence[Mapping[str, Any]]
Metrics = dict[str, float | str]  # a value, or why there is none
SPLITS = ("retain", "real_authors", "world_facts")
SCORES = ("loss", "zlib", "min_k", "min_k_plus_plus")  # of membership
SUFFIXES: dict[Combination, str] = {"geometric": "", "arithmetic": "_arithmetic"}
NO_NON_MEMBERS = "every author of the retain set is trained, so there are no non-members; lower tofu.retain_rows"
NO_PRIVLEAK = "PrivLeak compares with a model trained on the retain rows alone, and none was given"
NO_FORGET_QUALITY = (
    "forget quality compares with a model trained on the retain split alone, and none was given; "
    "evaluate one on the same forget rows to have it"
)


def tofu_metrics(rows: Rows, retain_only: Rows | None) -> dict[str, Any]:
    """{"values": {name: float}, "left_out": {name: reason}, "rows": {set: count}} from ``answer_rows``.

    Names begin with ``tofu.``. ``retain_only``: the retain-only model's rows on the same questions, which is measured first and
    without them; forget quality and PrivLeak need them. Raises InputError where they are of other questions.
    """
    asked, theirs = ([(row["set"], row["question"]) for row in answers or ()] for answers in (rows, retain_only))
    if retain_only is not None and asked != theirs:
        raise InputError(
            "the retain-only model's TOFU rows are of other questions than this model's; evaluate both with the same params."
        )
    metrics = forget_metrics(rows) | utility_metrics(rows) | _quality(rows, retain_only) | _membership(rows, retain_only)
    return {
        "values": {f"tofu.{name}": float(one) for name, one in metrics.items() if not isinstance(one, str)},
        "left_out": {f"tofu.{name}": one for name, one in metrics.items() if isinstance(one, str)},
        "rows": {name: len(_column(rows, name, "set")) for name in (*SETS, NON_MEMBERS)},
    }


def forget_metrics(rows: Rows) -> Metrics:
    """Means over the forget rows."""
    lacking = _lacking(rows, "forget")
    metrics: Metrics = {f"forget_{name}": fmean(_column(rows, "forget", name)) for name in ("probability", "rouge_l_recall")}
    metrics |= {name: fmean(_column(rows, "forget", name)) for name in ("extraction_strength", "exact_memorization")}
    for combination, suffix in SUFFIXES.items():
        ratios = _column(rows, "forget", f"truth_ratio_{combination}")
        metrics[f"forget_truth_ratio{suffix}"] = lacking or float(forget_form(ratios).mean())
    return metrics


def utility_metrics(rows: Rows) -> Metrics:
    """Both model utilities and the means they come from; of a set with a question without wrong answers, what needs none."""
    metrics: Metrics = {}
    reasons = {split: _lacking(rows, split) for split in SPLITS}
    for split, lacking in reasons.items():
        metrics[f"{split}_rouge_l_recall"] = float(np.mean(_column(rows, split, "rouge_l_recall")))
        if split in AMONG_ANSWERS:
            metrics[f"{split}_probability"] = lacking or float(np.mean(_column(rows, split, "probability_among_answers")))
        else:
            metrics[f"{split}_probability"] = float(np.mean(_column(rows, split, "probability")))
        for combination, suffix in SUFFIXES.items():
            ratios = _column(rows, split, f"truth_ratio_{combination}")
            metrics[f"{split}_truth_ratio{suffix}"] = lacking or float(retain_form(ratios).mean())
    lacking = next(filter(None, reversed(reasons.values())), None)
    for suffix in SUFFIXES.values():
        names = ("rouge_l_recall", "probability", f"truth_ratio{suffix}")
        nine = [metrics[f"{split}_{name}"] for split in SPLITS for name in names]
        metrics[f"model_utility{suffix}"] = lacking or harmonic_mean(map(float, nine))
    return metrics


def _quality(rows: Rows, retain_only: Rows | None) -> Metrics:
    names = ("forget_quality", "forget_quality_statistic")
    if (lacking := _lacking(rows, "forget")) or retain_only is None:
        return dict.fromkeys(names, lacking or NO_FORGET_QUALITY)
    ratios = [_column(answers, "forget", "truth_ratio_geometric") for answers in (rows, retain_only)]
    return dict(zip(names, forget_quality(*ratios), strict=True))


def _membership(rows: Rows, retain_only: Rows | None) -> Metrics:
    """The AUC by each score, forget rows being the members, and PrivLeak by min-k."""
    if not _column(rows, NON_MEMBERS, "set"):
        return dict.fromkeys([*(f"membership_auc_{score}" for score in SCORES), "privleak"], NO_NON_MEMBERS)

    def area(answers: Rows, score: str) -> float:
        return auc(*(_column(answers, name, f"{score}_score") for name in ("forget", NON_MEMBERS)))

    metrics: Metrics = {f"membership_auc_{score}": area(rows, score) for score in SCORES}
    try:
        metrics["privleak"] = NO_PRIVLEAK if retain_only is None else privleak(area(rows, "min_k"), area(retain_only, "min_k"))
    except ValueError as error:
        metrics["privleak"] = str(error)
    return metrics


def _column(rows: Rows, set_name: str, name: str) -> list[Any]:
    return [row[name] for row in rows if row["set"] == set_name]


def _lacking(rows: Rows, set_name: str) -> str | None:
    """Why nothing can be said of a set's wrong answers, where a question has none."""
    wrong = _column(rows, set_name, "perturbed_losses")
    without = sum(not losses for losses in wrong)
    return f"{without} of {len(wrong)} {set_name} questions have no wrong answers" if without else None
