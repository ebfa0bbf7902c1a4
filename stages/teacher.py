"""Stage teacher: score every passage under N counterfactual names, swap back, average, write Parquet shards.

python -m stages.teacher
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.params import load_params
    from pipeline.paths import BASE_MODEL, TEACHER
    from pipeline.tables import read_names
    from pipeline.teacher.build import build_shards
    from pipeline.teacher.sources import passages_to_teach

    params = load_params()
    passages = passages_to_teach(params["teacher"])
    manifest = build_shards(BASE_MODEL, params["teacher"], params["runtime"], passages, read_names(), TEACHER)
    click.echo(
        f"{TEACHER}: {manifest['positions']} positions of {manifest['passages']} passages, {manifest['trained_share']:.1%}"
    )
    click.echo(
        f"mean tail {manifest['mean_tail']:.1%}, mean entropy {manifest['mean_entropy_nats']:.2f} nats, "
        f"{manifest['bytes_per_position']:.0f} bytes a position"
    )


if __name__ == "__main__":
    main()
