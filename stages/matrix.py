"""All stages behind a benchmark's table, several beside each other, each on cores of its own.

python -m stages.matrix tofu --jobs 2

What `dvc repro benchmarks/dvc.yaml:tofu-table` does, in less time where one stage does not fill the cores. What had finished
when it was stopped counts as finished, here and there.
"""

import signal
import sys
import time

import click


@click.command(help=__doc__)
@click.argument("benchmark")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(min=1), help="Stages at once.")
def main(benchmark: str, jobs: int) -> None:
    from pathlib import Path

    from pipeline.benchmark.matrix import cores_of_jobs, run_stages, stages_behind
    from pipeline.benchmark.params import load_benchmark
    from pipeline.publish import WORK

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the jobs are stopped too
    table = load_benchmark(benchmark).folders.table
    started = time.monotonic()
    stages, cores = stages_behind(f"benchmarks/dvc.yaml:{benchmark}-table"), cores_of_jobs(jobs)
    logs = Path(WORK, "matrix")
    ran = run_stages(stages, cores, logs)
    if table.with_suffix(".md").exists():
        click.echo(table.with_suffix(".md").read_text(encoding="utf-8"))
    click.echo(f"{table} and .md; what each stage printed is in {logs}")
    click.echo(f"{len(ran)} of {len(stages)} stages run, {jobs} at once, in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
