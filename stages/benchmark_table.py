"""Stage table of a benchmark: every finished run in one table, with means and intervals over seeds.

python -m stages.benchmark_table project
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
def main(benchmark: str) -> None:
    from pipeline.benchmark.params import load_benchmark
    from pipeline.criteria.table import benchmark_table, table_lines
    from pipeline.publish import write_json, write_text

    chosen = load_benchmark(benchmark)
    table = benchmark_table(benchmark, chosen.folders, list(chosen.methods))
    lines = list(table_lines(table))
    write_json(chosen.folders.table, table)
    write_text(chosen.folders.table.with_suffix(".md"), "\n".join(lines) + "\n")
    click.echo("\n".join(lines))
    click.echo(f"{chosen.folders.table} and .md: {len(table['methods'])} rows, seeds {table['seeds']}")


if __name__ == "__main__":
    main()
