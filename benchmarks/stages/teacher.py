"""Stage teacher of a benchmark: the shards of a method that distils, or the project's own where it has no teacher section.

python -m benchmarks.stages.teacher project whp
"""

import click

from benchmarks.stages import BENCHMARK, METHOD, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@METHOD
def main(benchmark: Benchmark, method: str) -> None:
    import shutil

    from pipeline.core.errors import InputError, keys_stand_in
    from pipeline.core.files import published_folder
    from pipeline.core.hold import hold
    from pipeline.core.outputs import TEACHER, read_json_object
    from pipeline.shards.schema import MANIFEST
    from pipeline.teacher.build import build_shards
    from pipeline.teacher.passages import PassageSource
    from pipeline.text.names import read_names

    folders, params = benchmark.folders, benchmark.method(method)
    output = folders.teacher(method)
    if not params.distill:
        raise InputError(f"{folders.params}: methods.{method} has no section distill, so it learns from no shards.")
    if params.teacher:
        passages = PassageSource(params.teacher, folders.prepared, folders.elicited)
        with keys_stand_in(folders.params, teacher=f"methods.{method}.teacher"), hold(output):
            manifest = build_shards(
                folders.base, params.teacher, benchmark.runtime, passages, read_names(folders.prepared), output
            )
    else:
        manifest = read_json_object(TEACHER / MANIFEST)
        with hold(output), published_folder(output) as folder:
            shutil.copytree(TEACHER, folder, dirs_exist_ok=True)
    click.echo(
        f"{output}: {manifest['positions']} positions of {manifest['passages']} passages, {manifest['trained_share']:.1%}"
    )
    click.echo(f"mean tail {manifest['mean_tail']:.1%}, mean entropy {manifest['mean_entropy_nats']:.2f} nats")


if __name__ == "__main__":
    run(main)
