"""Measure the speed and memory of teacher, distill and evaluate, each against a peer in the same run.

python -m benchmarks.stages.bench

Needs models/base and data/prepared (dvc repro base prepare) and a machine with nothing beside it; takes a quarter of an hour on
two cores. Writes evaluation/bench.json. For one CUDA card: python -m benchmarks.speed.gpu.
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from benchmarks.speed.choices import choice_figures
    from benchmarks.speed.distill import distill_figures
    from benchmarks.speed.teacher import teacher_figures
    from pipeline.core.files import write_json
    from pipeline.core.outputs import EVALUATION

    figures = [*teacher_figures(), *distill_figures(), *choice_figures()]
    for figure in figures:
        click.echo(f"{figure.key:32} {figure.value:8.3f}  {figure.aim:8}  {figure.compared}")
    path = EVALUATION / "bench.json"
    write_json(
        path, {figure.key: {"value": round(figure.value, 4), "aim": figure.aim, "of": figure.compared} for figure in figures}
    )
    click.echo(f"{path}; {', '.join(f'{figure.key} {figure.value:.3g}' for figure in figures[:3])}")


if __name__ == "__main__":
    main()
