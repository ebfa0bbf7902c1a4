"""Print a passage token by token: what the base model says next, and the teacher's top 5.

python -m stages.inspect 0
"""

import click

from pipeline.core.process import run


@click.command(help=__doc__)
@click.argument("passage", type=click.IntRange(min=0))
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="Teacher's tokens to print.")
def main(passage: int, top: int) -> None:
    from pipeline.core.outputs import BASE_MODEL, TEACHER
    from pipeline.core.params import read_section
    from pipeline.core.runtime import RuntimeParams
    from pipeline.report.teacher import passage_lines

    for line in passage_lines(TEACHER, BASE_MODEL, passage, top, read_section(RuntimeParams, "runtime")):
        click.echo(line)


if __name__ == "__main__":
    run(main)
