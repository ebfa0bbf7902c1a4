"""Stage prepare: check the user's files, cut passages, find mentions, draw counterfactual names. Needs no model.

python -m stages.prepare
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.errors import keys_stand_in
    from pipeline.params import PARAMS_FILE, load_params
    from pipeline.paths import PREPARED
    from pipeline.prepare.build import prepare

    params = load_params()
    with keys_stand_in(PARAMS_FILE):
        for line in prepare(params["prepare"], PREPARED, elicits=params["elicit"].templates > 0):
            click.echo(line)


if __name__ == "__main__":
    main()
