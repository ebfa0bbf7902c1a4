"""Draw the methods of a benchmark's table: how much each has forgotten, against how much of everything else it has kept.

python -m benchmarks.stages.figure
"""

from pathlib import Path

import click

from pipeline.core.process import run


@click.command(help=__doc__)
@click.option("--table", default="docs/measured/people/table.json", show_default=True, type=click.Path(path_type=Path))
@click.option("--output", default="docs/methods.svg", show_default=True, type=click.Path(path_type=Path), help="SVG.")
def main(table: Path, output: Path) -> None:
    from benchmarks.criteria.figure import methods_chart
    from pipeline.core.files import replacing
    from pipeline.core.outputs import read_json_object

    chart = methods_chart(read_json_object(table, "python -m benchmarks.stages.table people"))
    with replacing(output) as fresh:
        chart.save(fresh, format="svg")
    click.echo(output)


if __name__ == "__main__":
    run(main)
