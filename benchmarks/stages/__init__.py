"""One command a stage of a benchmark, each runnable as python -m benchmarks.stages.NAME, and the arguments they share."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from benchmarks.suite.params import BenchmarkParams as Benchmark
else:
    Benchmark = object  # loaded when it is read, since --help needs none of it


class _Benchmark(click.ParamType):
    """A benchmark by its name, read and checked before a stage loads what it runs with."""

    name = "benchmark"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Benchmark:
        from benchmarks.suite.params import load_benchmark

        return load_benchmark(value)


class _Seeds(click.ParamType):
    """Seeds with commas between them, as whole numbers."""

    name = "seeds"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        if not all(word.strip().isdecimal() for word in value.split(",")):
            self.fail(f"{value!r} must be whole numbers with commas between them.", param, ctx)
        return [int(word) for word in value.split(",")]


BENCHMARK = click.argument("benchmark", type=_Benchmark())
METHOD = click.argument("method")
SEED = click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
SEEDS = _Seeds()
