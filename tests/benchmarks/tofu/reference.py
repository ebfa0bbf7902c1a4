"""The reference logs: what Llama-2-7b models made of the TOFU questions, row by row, in the benchmark's own field names."""

import json
from math import exp
from typing import Any

import numpy as np

from benchmarks.tofu.measures import share_among_answers, truth_ratio
from tests.project import ROOT

REFERENCE = ROOT / "tests/data/tofu_reference"
FILES = {
    "retain": "eval_log.json",
    "real_authors": "eval_real_author_wo_options.json",
    "world_facts": "eval_real_world_wo_options.json",
}


def read_log(name: str) -> dict[str, Any]:
    """The numbers of the log ``name``."""
    log: dict[str, Any] = json.loads((REFERENCE / name).read_text(encoding="utf-8"))
    return log


def column(log: dict[str, Any], field: str) -> list[Any]:
    """One field of a log, in the order of its rows: the float32 numbers that its shortest decimals stand for."""
    if field == "rougeL_recall":
        return list(log[field])
    return [np.asarray(value, dtype=np.float32).astype(np.float64).tolist() for value in log[field]]


def answer_rows(log: dict[str, Any], split: str) -> list[dict[str, Any]]:
    """A split's log as the columns of answer rows that model utility takes."""
    fields = ("rougeL_recall", "avg_gt_loss", "avg_paraphrased_loss", "average_perturb_loss")
    return [
        {
            "set": split,
            "rouge_l_recall": rouge_l_recall,
            "probability": exp(-right),
            "probability_among_answers": share_among_answers(right, wrong),
            "perturbed_losses": wrong,
            "truth_ratio_geometric": truth_ratio(paraphrased, wrong, "geometric"),
            "truth_ratio_arithmetic": truth_ratio(paraphrased, wrong, "arithmetic"),
        }
        for rouge_l_recall, right, paraphrased, wrong in zip(*(column(log, field) for field in fields), strict=True)
    ]
