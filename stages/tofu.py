"""Stage tofu of a benchmark: TOFU's metrics of one method's model, of the target (base), or of the gold standard (retain_only).

python -m stages.tofu tofu retain_only
python -m stages.tofu tofu npo --seed 0

Forget quality and privleak compare with the rows of retain_only, which is measured first.
"""

import click


@click.command(help=__doc__)
@click.argument("benchmark")
@click.argument("method")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def main(benchmark: str, method: str, seed: int) -> None:
    from pipeline.benchmark.folders import GOLD
    from pipeline.benchmark.params import load_benchmark, model_of
    from pipeline.errors import InputError, keys_stand_in
    from pipeline.params import load_params
    from pipeline.publish import replacing, write_json
    from pipeline.tofu.evaluate import evaluate
    from pipeline.tofu.results import read_rows, write_rows
    from pipeline.tofu.rows import read_tofu_rows

    chosen, runtime = load_benchmark(benchmark), load_params()["runtime"]
    folders = chosen.folders
    if not (chosen.prepare and chosen.tofu):
        raise InputError(f"{folders.params} needs the sections prepare and tofu for TOFU's metrics.")
    gold = None if method == GOLD else read_rows(folders.run(GOLD, 0) / "rows.parquet")
    model = model_of(chosen, method, seed)
    with keys_stand_in(folders.params):
        asked = read_tofu_rows(chosen.prepare, chosen.tofu)
    rows, metrics = evaluate(model, asked, chosen.tofu, runtime, gold)
    output = folders.run(method, seed)
    with replacing(output / "rows.parquet") as path:
        write_rows(path, rows)
    write_json(output / "tofu.json", {"method": method, "seed": seed, **metrics})
    click.echo(f"{output}: rows.parquet, tofu.json")
    for key, reason in metrics["left_out"].items():
        click.echo(f"left out: {key} ({reason})")
    for key in ("tofu.forget_quality", "tofu.model_utility", "tofu.forget_probability", "tofu.forget_rouge_l_recall"):
        if key in metrics["values"]:
            click.echo(f"{key} {metrics['values'][key]:.4g}")


if __name__ == "__main__":
    main()
