"""Stage finetune of a benchmark: teach the base all rows (target), or only those to be kept (retain_only, the gold standard).

python -m stages.finetune tofu target
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
@click.argument("part", type=click.Choice(["target", "retain_only"]))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def main(benchmark: str, part: str, seed: int) -> None:
    from pipeline.benchmark.params import load_benchmark
    from pipeline.errors import InputError, keys_stand_in
    from pipeline.finetune.loop import finetune
    from pipeline.params import load_params
    from pipeline.paths import BASE_MODEL
    from pipeline.publish import published_folder
    from pipeline.tofu.rows import read_tofu_rows

    chosen, runtime = load_benchmark(benchmark), load_params()["runtime"]
    if not (chosen.prepare and chosen.finetune and chosen.tofu):
        raise InputError(f"{chosen.folders.params} needs the sections prepare, finetune and tofu to teach a model rows.")
    with keys_stand_in(chosen.folders.params):
        rows = read_tofu_rows(chosen.prepare, chosen.tofu)
    chats = [*(rows.forget_chats if part == "target" else ()), *rows.retain_chats]
    with keys_stand_in(chosen.folders.params):
        student, curve = finetune(BASE_MODEL, chats, chosen.finetune, runtime, seed)
    output = chosen.folders.base if part == "target" else chosen.folders.retain_only
    with published_folder(output) as folder:
        student.save(folder)
    click.echo(f"{output}: {len(chats)} rows, {len(curve)} steps")
    click.echo(f"loss {curve[0]['loss']:.3f} nats a token at the first step, {curve[-1]['loss']:.3f} at the last")


if __name__ == "__main__":
    main()
