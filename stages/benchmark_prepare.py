"""Stage prepare of a benchmark with documents and questions of its own.

python -m stages.benchmark_prepare tofu
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
def main(benchmark: str) -> None:
    from pipeline.benchmark.params import load_benchmark
    from pipeline.errors import InputError, keys_stand_in
    from pipeline.prepare.build import prepare
    from pipeline.tofu.passages import retain_passages
    from pipeline.tofu.rows import read_tofu_rows

    chosen = load_benchmark(benchmark)
    if chosen.prepare is None:
        raise InputError(f"{chosen.folders.params} has no section prepare: it takes the project's own data.")
    if chosen.tofu and chosen.prepare.retain_limit:
        raise InputError(f"{chosen.folders.params}: prepare.retain_limit has no say in TOFU; set tofu.retain_rows.")
    with keys_stand_in(chosen.folders.params):
        retain = retain_passages(read_tofu_rows(chosen.prepare, chosen.tofu)) if chosen.tofu else None
        for line in prepare(chosen.prepare, chosen.folders.prepared, elicits=False, retain=retain):
            click.echo(line)


if __name__ == "__main__":
    main()
