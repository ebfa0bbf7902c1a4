"""Gather DVC's finished experiments over one parameter into a table.

python -m stages.sweep teacher.names --prefix names-

The table goes to evaluation/KEY_sweep.csv, KEY being the parameter without its section; the report draws that of names.
"""

from pathlib import Path

import click

from pipeline.core.process import run


@click.command(help=__doc__)
@click.argument("parameter")
@click.option("--prefix", default="", help="Only experiments whose name begins so.")
@click.option("--output", help="Another file.", type=click.Path(path_type=Path, dir_okay=False))
def main(parameter: str, prefix: str, output: Path | None) -> None:
    from pipeline.core.outputs import EVALUATION
    from pipeline.report.curves import finished_experiments, sweep_rows
    from pipeline.train.loop import write_curve

    output = output or EVALUATION / f"{parameter.rpartition('.')[2]}_sweep.csv"
    rows = sweep_rows(finished_experiments(prefix), parameter)
    write_curve(rows, output)
    for row in rows:
        click.echo(", ".join(f"{key} {value:g}" for key, value in row.items()))
    click.echo(f"{output}: {len(rows)} experiments")


if __name__ == "__main__":
    run(main)
