"""Stage finetune of a benchmark: teach the model all rows (base, which then has to forget), or those to be kept (retain_only).

python -m benchmarks.stages.finetune tofu base
"""

import click

from benchmarks.stages import BENCHMARK, SEED, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@click.argument("part", type=click.Choice(["base", "retain_only"]))
@SEED
def main(benchmark: Benchmark, part: str, seed: int) -> None:
    from benchmarks.tofu.rows import read_tofu_rows
    from pipeline.core.errors import InputError, keys_stand_in
    from pipeline.core.files import published_folder
    from pipeline.core.hold import hold
    from pipeline.core.outputs import BASE_MODEL

    if not (benchmark.prepare and benchmark.finetune and benchmark.tofu):
        raise InputError(f"{benchmark.folders.params} needs the sections prepare, finetune and tofu to teach a model rows.")
    output = benchmark.folders.model(part, 0)
    with keys_stand_in(benchmark.folders.params), hold(output), published_folder(output) as folder:
        rows = read_tofu_rows(benchmark.prepare, benchmark.tofu)
        chats = [*(rows.forget_chats if part == "base" else ()), *rows.retain_chats]
        from benchmarks.methods.finetune import finetune  # with torch, after what can be told without it

        student, curve = finetune(BASE_MODEL, chats, benchmark.finetune, benchmark.runtime, seed)
        student.save(folder)
    click.echo(f"{output}: {len(chats)} rows, {len(curve)} steps")
    click.echo(f"loss {curve[0]['loss']:.3f} nats a token at the first step, {curve[-1]['loss']:.3f} at the last")


if __name__ == "__main__":
    run(main)
