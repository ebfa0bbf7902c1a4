"""Measure speed and memory of teacher, distill and choices, or of those named, each against a peer in the same run.

python -m benchmarks.stages.bench
python -m benchmarks.stages.bench distill

Needs models/base and data/prepared (dvc repro base prepare) and a machine with nothing beside it; takes a quarter of an hour on
two cores. Writes evaluation/bench.json, where figures that are not measured stay as they were. For one CUDA card:
python -m benchmarks.stages.gpu.
"""

from collections.abc import Callable

import click

from pipeline.core.process import run

PARTS = ("teacher", "distill", "choices")


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
def main(parts: tuple[str, ...]) -> None:
    from benchmarks.speed.choices import choice_figures
    from benchmarks.speed.distill import distill_figures
    from benchmarks.speed.figure import Figure
    from benchmarks.speed.teacher import teacher_figures
    from pipeline.core.files import write_json
    from pipeline.core.outputs import EVALUATION, read_json_object

    measures: dict[str, Callable[[], list[Figure]]] = {
        "teacher": teacher_figures,
        "distill": distill_figures,
        "choices": choice_figures,
    }
    path = EVALUATION / "bench.json"
    found = read_json_object(path) if path.exists() else {}
    for part in parts or PARTS:
        for figure in measures[part]():
            click.echo(f"{figure.key:32} {figure.value:8.3f}  {figure.aim:8}  {figure.compared}")
            found[figure.key] = {"value": round(figure.value, 4), "aim": figure.aim, "of": figure.compared}
        write_json(path, found)
    click.echo(f"{path}: {len(found)} figures")


if __name__ == "__main__":
    run(main)
