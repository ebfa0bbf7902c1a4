"""A model folder and the benchmark's rows in, answers and all TOFU metrics out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.params import RuntimeParams
from pipeline.tofu.answers import answer_rows
from pipeline.tofu.metrics import tofu_metrics
from pipeline.tofu.params import TofuEvaluateParams
from pipeline.tofu.rows import TofuRows


def evaluate(
    model: Path,
    rows: TofuRows,
    params: TofuEvaluateParams,
    runtime: RuntimeParams,
    retain_only: Sequence[Mapping[str, Any]] | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(answer rows, metrics) of the model in ``model``; see ``answer_rows`` and ``tofu_metrics``.

    ``retain_only`` are the answer rows of the retain-only model, which is evaluated first and without them: forget quality and
    PrivLeak need them. Raises InputError.
    """
    answers = answer_rows(model, rows, params, runtime)
    return answers, tofu_metrics(answers, retain_only)
