"""Measure rates and memory of scoring and of distillation on one CUDA card, at the shapes of Llama of 1B and 7B weights.

python -m benchmarks.stages.gpu --folder /dev/shm

Takes at most eight minutes. vLLM is not needed; torchao is, for the rows in bfloat16.
"""

from pathlib import Path

import click

from pipeline.core.process import run


@click.command(help=__doc__)
@click.option("--tiny", is_flag=True, help="A model of some thousand weights, to see that all of it runs; on a CPU too.")
@click.option("--limit", default=400.0, show_default=True, help="Seconds after which no further row begins.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where models are put meanwhile; the default is /tmp.")
def main(tiny: bool, limit: float, folder: Path | None) -> None:
    from benchmarks.speed.gpu import print_rates

    print_rates(tiny, limit, folder)


if __name__ == "__main__":
    run(main)
