"""Gather DVC's finished experiments over one parameter into a table that dvc.yaml draws.

python -m stages.sweep teacher.names --prefix names-

The table goes to docs/KEY_sweep.csv, KEY being the parameter without its section; dvc.yaml draws that of names.
"""

from pathlib import Path

import click


@click.command(help=__doc__)
@click.argument("parameter")
@click.option("--prefix", default="", help="Only experiments whose name begins so.")
@click.option("--output", help="Another file.", type=click.Path(path_type=Path, dir_okay=False))
def main(parameter: str, prefix: str, output: Path | None) -> None:
    from pipeline.report.curves import finished_experiments, sweep_rows
    from pipeline.train.loop import write_curve

    output = output or Path("docs") / f"{parameter.rpartition('.')[2]}_sweep.csv"
    rows = sweep_rows(finished_experiments(prefix), parameter)
    write_curve(rows, output)
    for row in rows:
        click.echo(", ".join(f"{key} {value:g}" for key, value in row.items()))
    click.echo(f"{output}: {len(rows)} experiments")


if __name__ == "__main__":
    main()
