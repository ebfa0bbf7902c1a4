"""Stage prepare: check parameters and the user's files, cut passages, find mentions, draw counterfactual names. Needs no model.

python -m stages.prepare
"""

import click

from pipeline.core.hold import hold
from pipeline.core.outputs import PREPARED
from pipeline.core.process import run


@click.command(help=__doc__)
@hold(PREPARED)
def main() -> None:
    from pipeline.core.errors import keys_stand_in
    from pipeline.core.params import PARAMS_FILE
    from pipeline.params import load_params
    from pipeline.prepare.build import prepare, read_files

    params = load_params()
    with keys_stand_in(PARAMS_FILE):
        source = read_files(params["prepare"], elicits=params["elicit"].templates > 0)
        for line in prepare(source, PREPARED, params["prepare"].seed):
            click.echo(line)


if __name__ == "__main__":
    run(main)
