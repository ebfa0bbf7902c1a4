"""All stages behind a benchmark's table, several beside each other, each on cores of its own.

nevermet benchmark tofu --jobs 2 --seeds 0

The stages are DVC's, written to benchmarks/dvc.yaml. What `dvc repro benchmarks/dvc.yaml:table@tofu` does, in less time where
one stage does not fill the cores. What had finished when it was stopped counts as finished, here and there.
"""

import signal
import sys
import time

import click

from benchmarks.stages import BENCHMARK, Benchmark, seeds
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Stages at once.")
@click.option("--seeds", type=seeds, help="Only these, with commas between them; all of benchmarks/matrix.yaml.")
def main(benchmark: Benchmark, jobs: int, seeds: list[int] | None) -> None:
    from pathlib import Path

    from benchmarks.suite.matrix import STAGES_FILE, cores_of_jobs, of_seeds, run_stages, stages_behind, write_stages
    from pipeline.core.files import WORK

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the jobs are stopped too
    table, name = benchmark.folders.table, benchmark.folders.folder.name
    started = time.monotonic()
    write_stages(name)
    stages = stages_behind(f"{STAGES_FILE}:table@{name}")
    stages = stages if seeds is None else of_seeds(stages, seeds)
    logs = Path(WORK, "benchmark")
    ran = run_stages(stages, cores_of_jobs(jobs), logs)
    if table.with_suffix(".md").exists():
        click.echo(table.with_suffix(".md").read_text(encoding="utf-8"))
    click.echo(f"{table} and .md; what each stage printed is in {logs}")
    click.echo(f"{len(ran)} of {len(stages)} stages run, {jobs} at once, in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    run(main)
