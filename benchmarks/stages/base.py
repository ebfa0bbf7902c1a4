"""Stage base of a benchmark whose model is the project's own: link models/base to where the benchmark keeps its models.

python -m benchmarks.stages.base project
"""

import click

from benchmarks.stages import BENCHMARK, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
def main(benchmark: Benchmark) -> None:
    from pipeline.core.files import link_files, published_folder
    from pipeline.core.hold import hold
    from pipeline.core.outputs import BASE_MODEL, check_model
    from pipeline.model.folder import model_fingerprint

    folders = benchmark.folders
    check_model(BASE_MODEL)
    with hold(folders.base), published_folder(folders.base) as folder:
        link_files(BASE_MODEL, folder)
    click.echo(f"{folders.base}: {BASE_MODEL}, model {model_fingerprint(folders.base)[:12]}")


if __name__ == "__main__":
    run(main)
