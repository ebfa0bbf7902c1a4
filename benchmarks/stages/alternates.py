"""Stage alternates of a benchmark: ask the base for other versions of the forget texts, which a method prefers to them.

python -m benchmarks.stages.alternates project altpo
"""

import click

from benchmarks.stages import BENCHMARK, METHOD, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@METHOD
def main(benchmark: Benchmark, method: str) -> None:
    from benchmarks.methods.rewrite import write_alternates
    from pipeline.core.errors import InputError
    from pipeline.core.files import published_folder
    from pipeline.core.hold import hold
    from pipeline.teacher.params import TeacherParams
    from pipeline.teacher.passages import PassageSource

    params, folders = benchmark.method(method), benchmark.folders
    if not (params.alternates and params.baseline):
        raise InputError(f"{folders.params}: methods.{method} has no section alternates, so it prefers nothing to its texts.")
    output = folders.alternates(method)
    passages = list(PassageSource(TeacherParams(), folders.prepared, folders.elicited))
    with hold(output), published_folder(output) as folder:
        rows = write_alternates(folders.base, passages, params.baseline, params.alternates, benchmark.runtime, folder)
    copied = sum(row["alternate"] == row["text"].strip() for row in rows)
    click.echo(f"{output}: {len(rows)} alternates of forget texts")
    click.echo(f"{copied} say the same, {sum(not row['alternate'] for row in rows)} say nothing and are left out")


if __name__ == "__main__":
    run(main)
