"""Write the report: one HTML page that opens from disk without a network, and its data as JSON beside it.

python -m stages.report

Every part is optional: where one is missing, the page says which command makes it.
"""

from pathlib import Path

import click

from pipeline.core.process import run


@click.command(help=__doc__)
@click.option(
    "--output",
    default="evaluation/report.html",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Page.",
)
def main(output: Path) -> None:
    from pipeline.core.errors import InputError
    from pipeline.core.files import write_json, write_text

    if output.suffix != ".html":
        raise InputError(f"--output is {output}, but must end in .html; the data stands beside it as .json.")
    from pipeline.report.page import collect, render  # with altair, after what can be told without it

    data = collect()
    write_text(output, render(data))
    write_json(output.with_suffix(".json"), data)
    click.echo(f"{output}, {output.with_suffix('.json')}")


if __name__ == "__main__":
    run(main)
