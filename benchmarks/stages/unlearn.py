"""Stage unlearn of a benchmark: make one method's model with one seed.

python -m benchmarks.stages.unlearn project npo --seed 0
"""

import click

from benchmarks.stages import BENCHMARK, METHOD, SEED, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@METHOD
@SEED
def main(benchmark: Benchmark, method: str, seed: int) -> None:
    from benchmarks.methods.unlearn import Task, unlearn
    from pipeline.core.errors import keys_stand_in
    from pipeline.core.files import published_folder
    from pipeline.core.hold import hold
    from pipeline.prepare.tables import read_targets_table
    from pipeline.teacher.params import TeacherParams
    from pipeline.teacher.passages import PassageSource
    from pipeline.train.loop import write_curve

    params, folders = benchmark.method(method), benchmark.folders
    targets = tuple(target.target for target in read_targets_table(folders.prepared))
    passages = list(PassageSource(TeacherParams(), folders.prepared, folders.elicited))
    shards, alternates = folders.teacher(method), folders.alternates(method)
    task = Task(folders.base, targets, passages, shards, alternates, benchmark.runtime, seed)
    output = folders.model(method, seed)
    sections = {section: f"methods.{method}.{section}" for section in ("distill", "baseline")}
    with keys_stand_in(folders.params, **sections), hold(output), published_folder(output) as folder:
        curve = unlearn(params, task, folder)
    write_curve(curve, folders.run(method, seed) / "curve.csv")
    click.echo(f"{output}: {method}, seed {seed}, {len(curve)} steps")
    if curve:
        click.echo(", ".join(f"{key} {value:.4g}" for key, value in curve[-1].items()))


if __name__ == "__main__":
    run(main)
