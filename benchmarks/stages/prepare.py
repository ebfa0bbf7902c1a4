"""Stage prepare of a benchmark: its documents and questions as passages, names and questions; or the project's own, copied.

python -m benchmarks.stages.prepare tofu
"""

import click

from benchmarks.stages import BENCHMARK, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
def main(benchmark: Benchmark) -> None:
    import shutil
    from dataclasses import replace

    from benchmarks.sources.read import read_source
    from benchmarks.tofu.rows import read_tofu_rows, retain_passages
    from pipeline.core.errors import InputError, keys_stand_in
    from pipeline.core.files import published_folder
    from pipeline.core.hold import hold
    from pipeline.core.outputs import PREPARED, check_folder
    from pipeline.prepare.build import prepare

    if benchmark.prepare is None:
        check_folder(PREPARED)
        with hold(benchmark.folders.prepared), published_folder(benchmark.folders.prepared) as folder:
            shutil.copytree(PREPARED, folder, dirs_exist_ok=True)
        return click.echo(f"{benchmark.folders.prepared}: {PREPARED}")
    if benchmark.tofu and benchmark.prepare.retain_limit:
        raise InputError(f"{benchmark.folders.params}: prepare.retain_limit has no say in TOFU; set tofu.retain_rows.")
    with keys_stand_in(benchmark.folders.params):
        source = read_source(benchmark.prepare, elicits=bool(benchmark.elicit and benchmark.elicit.templates))
        if benchmark.tofu:
            source = replace(source, retain=retain_passages(read_tofu_rows(benchmark.prepare, benchmark.tofu)))
        for line in prepare(source, benchmark.folders.prepared, benchmark.prepare.seed):
            click.echo(line)


if __name__ == "__main__":
    run(main)
