"""Try every setting of a method's grid in a benchmark, and say which one the rule picks.

python -m benchmarks.stages.tune tuning npo

What is measured goes to benchmarks/results/NAME/tuning.csv, setting by setting; a rerun goes on from there.
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
@click.argument("methods", nargs=-1)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
def main(benchmark: str, methods: tuple[str, ...], seed: int) -> None:
    from benchmarks.suite.params import load_benchmark
    from benchmarks.suite.tuning import pick, tune
    from pipeline.core.errors import InputError

    chosen = load_benchmark(benchmark)
    for method in methods or tuple(chosen.settings):
        if method not in chosen.settings:
            known = ", ".join(chosen.settings) or "nothing"
            raise InputError(f"{chosen.folders.params}: grids has no {method!r}; it has {known}.")
        rows = []
        for row in tune(chosen, method, seed):
            rows.append(row)
            click.echo(
                f"{method} {row['setting']}: forgotten {row['forgotten']:.1%}, kept {row['kept']:.1%}, "
                f"distinct 4-grams {row['distinct_4grams']:.2f}"
            )
        click.echo(f"{chosen.folders.tuning}: {len(rows)} settings of {method}, of which {pick(rows)['setting']} is taken")


if __name__ == "__main__":
    main()
