"""Stage table of a benchmark: every finished run in one table, with means and intervals over seeds.

python -m benchmarks.stages.table project
"""

import click

from benchmarks.suite.seeds import SeedList


@click.command(help=__doc__)
@click.argument("benchmark")
@click.option("--seeds", type=SeedList(), help="Only these, with commas between them; all that are there by default.")
def main(benchmark: str, seeds: list[int] | None) -> None:
    from benchmarks.criteria.table import benchmark_table, table_lines
    from benchmarks.suite.params import load_benchmark
    from pipeline.core.files import write_json, write_text

    chosen = load_benchmark(benchmark)
    table = benchmark_table(benchmark, chosen.folders, list(chosen.methods), seeds)
    lines = list(table_lines(table))
    write_json(chosen.folders.table, table)
    write_text(chosen.folders.table.with_suffix(".md"), "\n".join(lines) + "\n")
    click.echo("\n".join(lines))
    click.echo(f"{chosen.folders.table} and .md: {len(table['methods'])} rows, seeds {table['seeds']}")


if __name__ == "__main__":
    main()
