"""Stage finetune of a benchmark: teach the model all rows (base, which then has to forget), or those to be kept (retain_only).

python -m benchmarks.stages.finetune tofu base
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
@click.argument("part", type=click.Choice(["base", "retain_only"]))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
def main(benchmark: str, part: str, seed: int) -> None:
    from benchmarks.methods.finetune import finetune
    from benchmarks.suite.params import load_benchmark
    from benchmarks.tofu.rows import read_tofu_rows
    from pipeline.core.errors import InputError, keys_stand_in
    from pipeline.core.files import published_folder
    from pipeline.core.outputs import BASE_MODEL

    chosen = load_benchmark(benchmark)
    if not (chosen.prepare and chosen.finetune and chosen.tofu):
        raise InputError(f"{chosen.folders.params} needs the sections prepare, finetune and tofu to teach a model rows.")
    with keys_stand_in(chosen.folders.params):
        rows = read_tofu_rows(chosen.prepare, chosen.tofu)
        chats = [*(rows.forget_chats if part == "base" else ()), *rows.retain_chats]
        student, curve = finetune(BASE_MODEL, chats, chosen.finetune, chosen.runtime, seed)
    output = chosen.folders.model(part, 0)
    with published_folder(output) as folder:
        student.save(folder)
    click.echo(f"{output}: {len(chats)} rows, {len(curve)} steps")
    click.echo(f"loss {curve[0]['loss']:.3f} nats a token at the first step, {curve[-1]['loss']:.3f} at the last")


if __name__ == "__main__":
    main()
