"""Try every setting of a method's grid in a benchmark, and say which one the rule picks.

python -m benchmarks.stages.tune tuning npo

What is measured goes to benchmarks/results/NAME/tuning.csv, setting by setting; a rerun goes on from there.
"""

import click

from benchmarks.stages import BENCHMARK, SEED, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@click.argument("methods", nargs=-1)
@SEED
def main(benchmark: Benchmark, methods: tuple[str, ...], seed: int) -> None:
    from benchmarks.suite.tuning import pick, tune
    from pipeline.core.errors import InputError

    for method in methods or tuple(benchmark.settings):
        if method not in benchmark.settings:
            known = ", ".join(benchmark.settings) or "nothing"
            raise InputError(f"{benchmark.folders.params}: grids has no {method!r}; it has {known}.")
        rows = []
        for row in tune(benchmark, method, seed):
            rows.append(row)
            click.echo(
                f"{method} {row['setting']}: forgotten {row['forgotten']:.1%}, kept {row['kept']:.1%}, "
                f"distinct 4-grams {row['distinct_4grams']:.2f}"
            )
        click.echo(f"{benchmark.folders.tuning}: {len(rows)} settings of {method}, of which {pick(rows)['setting']} is taken")


if __name__ == "__main__":
    run(main)
