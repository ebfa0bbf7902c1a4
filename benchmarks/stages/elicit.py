"""Stage elicit of a benchmark: what the base says of its targets and their neighbours; or the project's own, copied.

python -m benchmarks.stages.elicit people
"""

import click

from benchmarks.stages import BENCHMARK, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
def main(benchmark: Benchmark) -> None:
    import shutil

    from pipeline.core.files import published_folder
    from pipeline.core.hold import hold
    from pipeline.core.outputs import BASE_MODEL, ELICITED, check_folder
    from pipeline.elicit.build import elicit_folder

    output = benchmark.folders.elicited
    if benchmark.elicit:
        for line in elicit_folder(BASE_MODEL, benchmark.folders.prepared, benchmark.elicit, benchmark.runtime, output):
            click.echo(line)
        return
    check_folder(ELICITED)
    with hold(output), published_folder(output) as folder:
        shutil.copytree(ELICITED, folder, dirs_exist_ok=True)
    click.echo(f"{output}: {ELICITED}")


if __name__ == "__main__":
    run(main)
