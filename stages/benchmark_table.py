"""Stage table of a benchmark: every finished run in one table, with means and intervals over seeds.

python -m stages.benchmark_table project
"""

import click


def _seeds(_context: click.Context, _option: click.Parameter, value: str) -> list[int] | None:
    if not value:
        return None
    if not all(word.strip().isdecimal() for word in value.split(",")):
        raise click.BadParameter(f"{value!r} must be whole numbers with commas between them.")
    return [int(word) for word in value.split(",")]


@click.command(help=__doc__)
@click.argument("benchmark")
@click.option(
    "--seeds", default="", callback=_seeds, help="Only these, with commas between them; all that are there by default."
)
def main(benchmark: str, seeds: list[int] | None) -> None:
    from pipeline.benchmark.params import load_benchmark
    from pipeline.criteria.table import benchmark_table, table_lines
    from pipeline.publish import write_json, write_text

    chosen = load_benchmark(benchmark)
    table = benchmark_table(benchmark, chosen.folders, list(chosen.methods), seeds)
    lines = list(table_lines(table))
    write_json(chosen.folders.table, table)
    write_text(chosen.folders.table.with_suffix(".md"), "\n".join(lines) + "\n")
    click.echo("\n".join(lines))
    click.echo(f"{chosen.folders.table} and .md: {len(table['methods'])} rows, seeds {table['seeds']}")


if __name__ == "__main__":
    main()
