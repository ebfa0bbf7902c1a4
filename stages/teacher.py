"""Stage teacher: score every passage under N counterfactual names, swap back, average, write Parquet shards.

python -m stages.teacher
"""

import click

from pipeline.core.hold import hold
from pipeline.core.outputs import TEACHER
from pipeline.core.process import run


@click.command(help=__doc__)
@hold(TEACHER)
def main() -> None:
    from pipeline.core.errors import keys_stand_in
    from pipeline.core.outputs import BASE_MODEL, ELICITED, PREPARED
    from pipeline.core.params import PARAMS_FILE, read_section
    from pipeline.core.runtime import RuntimeParams
    from pipeline.teacher.build import build_shards
    from pipeline.teacher.params import TeacherParams
    from pipeline.teacher.passages import PassageSource
    from pipeline.text.names import read_names

    params, runtime = read_section(TeacherParams, "teacher"), read_section(RuntimeParams, "runtime")
    passages = PassageSource(params, PREPARED, ELICITED)
    with keys_stand_in(PARAMS_FILE):
        manifest = build_shards(BASE_MODEL, params, runtime, passages, read_names(PREPARED), TEACHER)
    click.echo(
        f"{TEACHER}: {manifest['positions']} positions of {manifest['passages']} passages, {manifest['trained_share']:.1%}"
    )
    click.echo(
        f"mean tail {manifest['mean_tail']:.1%}, mean entropy {manifest['mean_entropy_nats']:.2f} nats, "
        f"{manifest['bytes_per_position']:.0f} bytes a position"
    )


if __name__ == "__main__":
    run(main)
