"""Stage prepare of a benchmark: its documents and questions as passages, names and questions; or the project's own, copied.

python -m benchmarks.stages.prepare tofu
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
def main(benchmark: str) -> None:
    import shutil

    from benchmarks.suite.params import load_benchmark
    from benchmarks.tofu.rows import read_tofu_rows, retain_passages
    from pipeline.core.errors import InputError, keys_stand_in
    from pipeline.core.files import published_folder
    from pipeline.core.outputs import ELICITED, PREPARED
    from pipeline.prepare.build import prepare

    chosen = load_benchmark(benchmark)
    if chosen.prepare is None:
        for source in (PREPARED, ELICITED):
            if not source.is_dir():
                raise InputError(f"{source} is missing; make it first (dvc repro elicit).")
        with published_folder(chosen.folders.prepared) as folder:
            shutil.copytree(PREPARED, folder, dirs_exist_ok=True)
            shutil.copytree(ELICITED, folder / chosen.folders.elicited.name)
        return click.echo(f"{chosen.folders.prepared}: {PREPARED} and {ELICITED}")
    if chosen.tofu and chosen.prepare.retain_limit:
        raise InputError(f"{chosen.folders.params}: prepare.retain_limit has no say in TOFU; set tofu.retain_rows.")
    with keys_stand_in(chosen.folders.params):
        retain = retain_passages(read_tofu_rows(chosen.prepare, chosen.tofu)) if chosen.tofu else None
        for line in prepare(chosen.prepare, chosen.folders.prepared, elicits=False, retain=retain):
            click.echo(line)


if __name__ == "__main__":
    main()
