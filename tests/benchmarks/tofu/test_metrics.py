"""Model utility against the reference values and by hand; what is left out, and why."""

from typing import Any

import pytest

from benchmarks.criteria.measures import TOFU_MEASURES
from benchmarks.tofu.measures import Combination
from benchmarks.tofu.metrics import (
    NO_FORGET_QUALITY,
    NO_NON_MEMBERS,
    NO_PRIVLEAK,
    SPLITS,
    SUFFIXES,
    tofu_metrics,
    utility_metrics,
)
from benchmarks.tofu.rows import SETS
from pipeline.core.errors import InputError
from tests.benchmarks.tofu.reference import FILES, answer_rows, read_log


def answer_row(set_name: str, score: float) -> dict[str, Any]:
    """An answer row with one number in it."""
    return {
        "set": set_name,
        "question": f"{set_name} {score}?",
        "rouge_l_recall": score,
        "perturbed_losses": [2 * score, 3 * score],
        "probability": score,
        "probability_among_answers": score / 2,
        "truth_ratio_geometric": score,
        "truth_ratio_arithmetic": score,
        "extraction_strength": score,
        "exact_memorization": score,
        **{f"{name}_score": score for name in ("loss", "zlib", "min_k", "min_k_plus_plus")},
    }


ASKED = [answer_row(name, score) for name in SETS for score in (0.5, 0.7)]
NON_MEMBERS = [answer_row("non_members", score) for score in (0.4, 0.6)]


@pytest.mark.parametrize(
    ("split", "combination", "value"),
    [
        ("forget01", "geometric", 0.6143290655905184),
        ("forget05", "geometric", 0.6112105296199982),
        ("forget01", "arithmetic", 0.5745782094451859),
        ("forget05", "arithmetic", 0.575260974988057),
    ],
)
def test_reference_values_of_model_utility(split: str, combination: Combination, value: float) -> None:
    logs = read_log(f"retain_{split}_eval_log_aggregated.json")
    metrics = utility_metrics([row for name, file in FILES.items() for row in answer_rows(logs[file], name)])
    assert metrics[f"model_utility{SUFFIXES[combination]}"] == pytest.approx(value, rel=1e-9)
    assert len(metrics) == 3 * 4 + 2


def test_model_utility_by_hand() -> None:
    """The probability is a share among the answers for real authors and world facts, and not for the retain split."""
    rows = [{**answer_row(name, score), "truth_ratio_arithmetic": 2.0} for name in SPLITS for score in (0.5, 0.7)]
    metrics = utility_metrics(rows)
    assert [metrics[f"{split}_probability"] for split in SPLITS] == pytest.approx([0.6, 0.3, 0.3])
    assert [metrics[f"{split}_truth_ratio"] for split in SPLITS] == pytest.approx([0.4] * 3)
    assert metrics["model_utility"] == pytest.approx(9 / (3 / 0.6 + 1 / 0.6 + 2 / 0.3 + 3 / 0.4))
    assert metrics["model_utility_arithmetic"] == 0  # as one of the nine is


def test_without_a_retain_only_model_what_needs_it_is_left_out_with_the_reason() -> None:
    report = tofu_metrics([*ASKED, *NON_MEMBERS], None)
    assert report["left_out"] == {
        "tofu.forget_quality": NO_FORGET_QUALITY,
        "tofu.forget_quality_statistic": NO_FORGET_QUALITY,
        "tofu.privleak": NO_PRIVLEAK,
    }
    assert report["values"]["tofu.membership_auc_loss"] == pytest.approx(3 / 4)
    assert not report["values"].keys() & report["left_out"].keys()


def test_without_non_members_there_is_no_membership() -> None:
    report = tofu_metrics(ASKED, ASKED)
    assert set(report["left_out"].values()) == {NO_NON_MEMBERS}
    assert set(report["left_out"]) == {
        *(f"tofu.membership_auc_{score}" for score in ("loss", "zlib", "min_k", "min_k_plus_plus")),
        "tofu.privleak",
    }
    assert report["values"]["tofu.forget_quality"] == 1.0


def test_a_retrained_auc_of_one_gives_no_privleak() -> None:
    apart = [answer_row("non_members", 0.4), {**answer_row("non_members", 0.6), "min_k_score": 0.1}]
    report = tofu_metrics([*ASKED, *NON_MEMBERS], [*ASKED, *apart])
    assert "AUC of 1 is undefined" in report["left_out"]["tofu.privleak"]


@pytest.mark.parametrize(
    ("set_name", "lacks"),
    [
        ("forget", {"forget_truth_ratio", "forget_truth_ratio_arithmetic", "forget_quality", "forget_quality_statistic"}),
        ("retain", {"model_utility", "model_utility_arithmetic", "retain_truth_ratio", "retain_truth_ratio_arithmetic"}),
        (
            "world_facts",
            {
                *("model_utility", "model_utility_arithmetic", "world_facts_probability"),
                *("world_facts_truth_ratio", "world_facts_truth_ratio_arithmetic"),
            },
        ),
    ],
)
def test_questions_without_wrong_answers_leave_out_what_needs_them(set_name: str, lacks: set[str]) -> None:
    without = {"perturbed_losses": [], "truth_ratio_geometric": None, "truth_ratio_arithmetic": None}
    first = next(row for row in ASKED if row["set"] == set_name)
    rows = [*({**row, **without} if row is first else row for row in ASKED), *NON_MEMBERS]
    report = tofu_metrics(rows, rows)
    assert report["left_out"] == {f"tofu.{name}": f"1 of 2 {set_name} questions have no wrong answers" for name in lacks}
    whole = tofu_metrics([*ASKED, *NON_MEMBERS], [*ASKED, *NON_MEMBERS])
    assert report["values"].keys() | report["left_out"].keys() == whole["values"].keys() | whole["left_out"].keys()
    assert not report["values"].keys() & report["left_out"].keys()
    assert {"tofu.forget_probability", "tofu.retain_probability", f"tofu.{set_name}_rouge_l_recall"} <= report["values"].keys()


def test_rows_on_other_questions_are_an_error() -> None:
    with pytest.raises(InputError, match="of other questions than this model's"):
        tofu_metrics([*ASKED, *NON_MEMBERS], ASKED)


def test_the_benchmarks_table_shows_only_what_is_measured() -> None:
    values = tofu_metrics([*ASKED, *NON_MEMBERS], [*ASKED, *NON_MEMBERS])["values"]
    assert {measure.key for measure in TOFU_MEASURES} <= values.keys()
