"""The reference logs: what Llama-2-7b models made of the TOFU questions, row by row, in the benchmark's own field names."""

import json
from typing import Any

import pytest

from pipeline.tofu.utility import SplitScores
from tests.project import ROOT

REFERENCE = ROOT.parent / "shared/data/tofu_reference"
FILES = {
    "retain": "eval_log.json",
    "real_authors": "eval_real_author_wo_options.json",
    "world_facts": "eval_real_world_wo_options.json",
}


def read_log(name: str) -> dict[str, Any]:
    """The log ``name``; skips the test where the reference data are not laid out beside the project."""
    path = REFERENCE / name
    if not path.exists():
        pytest.skip(f"the TOFU reference logs are not at {REFERENCE}")
    log: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return log


def column(log: dict[str, Any], field: str) -> list[Any]:
    """One field of a log, in the order of its rows."""
    return list(log[field].values())


def split_scores(log: dict[str, Any]) -> SplitScores:
    """A split's log as the scores that model utility takes."""
    return SplitScores(
        rouge_l_recall=column(log, "rougeL_recall"),
        answer_losses=column(log, "avg_gt_loss"),
        paraphrased_losses=column(log, "avg_paraphrased_loss"),
        perturbed_losses=column(log, "average_perturb_loss"),
    )
