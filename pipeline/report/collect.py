"""All that the report says, as plain data: the page is drawn from it, and it is the JSON beside the page."""

from pathlib import Path
from typing import Any

from pipeline.report.answers import answer_sets
from pipeline.report.benchmarks import benchmark_tables
from pipeline.report.curves import curves, sweep
from pipeline.report.evaluation import run_metrics
from pipeline.report.headline import headline
from pipeline.report.lineage import lineage
from pipeline.report.sources import plain
from pipeline.report.teacher import teacher_summary


def collect(root: Path = Path()) -> dict[str, Any]:
    """What is found below ``root``, the folder with dvc.yaml; in a missing part's place {"missing": one line}.

    Raises InputError for a file that is there but can't be read.
    """
    run, tables = run_metrics(root), benchmark_tables(root)
    data: dict[str, Any] = plain(
        {
            "headline": headline(run, tables),
            "run": run,
            "benchmarks": tables,
            "sweep": sweep(root),
            "answers": answer_sets(root, tables),
            "curves": curves(root),
            "teacher": teacher_summary(root),
            "lineage": lineage(root),
        }
    )
    return data
