"""Stage method-teacher of a benchmark: the shards of a method that distils from a teacher of its own.

python -m stages.method_teacher project whp
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
@click.argument("method")
def main(benchmark: str, method: str) -> None:
    from pipeline.benchmark.params import load_benchmark
    from pipeline.errors import InputError
    from pipeline.params import load_params
    from pipeline.tables import read_names
    from pipeline.teacher.build import build_shards
    from pipeline.teacher.sources import passages_to_teach

    chosen, runtime = load_benchmark(benchmark), load_params()["runtime"]
    folders, teacher = chosen.folders, chosen.method(method).teacher
    if teacher is None:
        raise InputError(f"{folders.params}: methods.{method} has no section teacher, so it has no shards of its own.")
    passages = passages_to_teach(teacher, folders.prepared, folders.elicited)
    output = folders.teacher(method, own=True)
    manifest = build_shards(folders.base, teacher, runtime, passages, read_names(folders.prepared), output)
    click.echo(
        f"{output}: {manifest['positions']} positions of {manifest['passages']} passages, {manifest['trained_share']:.1%}"
    )
    click.echo(f"mean tail {manifest['mean_tail']:.1%}, mean entropy {manifest['mean_entropy_nats']:.2f} nats")


if __name__ == "__main__":
    main()
