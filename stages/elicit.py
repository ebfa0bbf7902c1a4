"""Stage elicit: ask the base about the targets and their neighbours; its answers become chat passages.

python -m stages.elicit
"""

import click

from pipeline.core.hold import hold
from pipeline.core.outputs import ELICITED
from pipeline.core.process import run


@click.command(help=__doc__)
@hold(ELICITED)
def main() -> None:
    from pipeline.core.outputs import BASE_MODEL, PREPARED
    from pipeline.core.params import read_section
    from pipeline.core.runtime import RuntimeParams
    from pipeline.elicit.build import elicit_folder
    from pipeline.elicit.params import ElicitParams

    params, runtime = read_section(ElicitParams, "elicit"), read_section(RuntimeParams, "runtime")
    for line in elicit_folder(BASE_MODEL, PREPARED, params, runtime, ELICITED):
        click.echo(line)


if __name__ == "__main__":
    run(main)
