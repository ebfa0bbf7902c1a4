"""Stage table of a benchmark: every finished run in one table, with means and intervals over seeds.

python -m benchmarks.stages.table project
python -m benchmarks.stages.table project --beside teacher_student   # and each method's paired differences from that one
"""

import click

from benchmarks.stages import BENCHMARK, Benchmark, seeds
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@click.option("--seeds", type=seeds, help="Only these, with commas between them; all that are there by default.")
@click.option("--beside", default="", metavar="METHOD", help="Also write differences.json and .md: each method less this one.")
def main(benchmark: Benchmark, seeds: list[int] | None, beside: str) -> None:
    from benchmarks.criteria.table import benchmark_table, difference_lines, differences, table_lines
    from pipeline.core.files import write_json, write_text

    table = benchmark_table(benchmark.folders, list(benchmark.methods), seeds)
    lines = list(table_lines(table))
    write_json(benchmark.folders.table, table)
    write_text(benchmark.folders.table.with_suffix(".md"), "\n".join(lines) + "\n")
    click.echo("\n".join(lines))
    if beside:
        rows = differences(benchmark.folders, list(benchmark.methods), beside, seeds)
        lines = ["", *difference_lines(rows, beside), ""]
        write_json(benchmark.folders.table.with_name("differences.json"), {"beside": beside, "measures": rows})
        write_text(benchmark.folders.table.with_name("differences.md"), "\n".join(lines[1:]))
        click.echo("\n".join(lines))
    click.echo(f"{benchmark.folders.table} and .md: {len(table['methods'])} rows, seeds {table['seeds']}")


if __name__ == "__main__":
    run(main)
