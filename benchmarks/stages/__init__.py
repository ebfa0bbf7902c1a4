"""One command a stage of a benchmark, each runnable as python -m benchmarks.stages.NAME, and the arguments they share.

A benchmark is read and checked as an argument, before a stage loads what it runs with.
"""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from benchmarks.suite.params import BenchmarkParams as Benchmark
else:
    Benchmark = object  # loaded when it is read, since --help needs none of it


def benchmark(name: str) -> Benchmark:
    from benchmarks.suite.params import load_benchmark

    return load_benchmark(name)


def seeds(text: str) -> list[int]:
    """Seeds with commas between them."""
    if not all(word.strip().isdecimal() for word in text.split(",")):
        raise click.BadParameter(f"{text!r} must be whole numbers with commas between them.")
    return [int(word) for word in text.split(",")]


BENCHMARK = click.argument("benchmark", type=benchmark)
METHOD = click.argument("method")
SEED = click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
