"""Stage prepare of a benchmark with documents and questions of its own.

python -m stages.benchmark_prepare tofu
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
def main(benchmark: str) -> None:
    from pipeline.benchmark.params import load_benchmark
    from pipeline.errors import InputError
    from pipeline.prepare.build import prepare

    chosen = load_benchmark(benchmark)
    if chosen.prepare is None:
        raise InputError(f"{chosen.folders.folder}/params.yaml has no section prepare: it takes the project's own data.")
    for line in prepare(chosen.prepare, chosen.folders.prepared, elicits=False):
        click.echo(line)


if __name__ == "__main__":
    main()
