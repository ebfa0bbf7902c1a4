"""Stage unlearn of a benchmark: make one method's model with one seed.

python -m stages.unlearn project npo --seed 0
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
@click.argument("method")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def main(benchmark: str, method: str, seed: int) -> None:
    from pipeline.benchmark.params import load_benchmark
    from pipeline.errors import keys_stand_in
    from pipeline.methods.curve import write_curve
    from pipeline.methods.interface import Task
    from pipeline.methods.registry import method_of
    from pipeline.params import TeacherParams, load_params
    from pipeline.publish import published_folder
    from pipeline.tables import read_targets_table
    from pipeline.teacher.sources import passages_to_teach

    chosen, runtime = load_benchmark(benchmark), load_params()["runtime"]
    params, folders = chosen.method(method), chosen.folders
    shards = folders.teacher(method, own=params.teacher is not None)
    targets = tuple(target.target for target in read_targets_table(folders.prepared))
    sources = TeacherParams() if folders.elicited.is_dir() else TeacherParams(forget_from=("given",), retain_from=("given",))
    passages = passages_to_teach(sources, folders.prepared, folders.elicited)
    task = Task(folders.base, targets, passages, shards, runtime, seed)
    output = folders.model(method, seed)
    with keys_stand_in(folders.params), published_folder(output) as folder:
        curve = method_of(params).unlearn(task, folder)
    write_curve(curve, folders.run(method, seed) / "curve.csv")
    click.echo(f"{output}: {method}, seed {seed}, {len(curve)} steps")
    if curve:
        click.echo(", ".join(f"{key} {value:.4g}" for key, value in curve[-1].items()))


if __name__ == "__main__":
    main()
