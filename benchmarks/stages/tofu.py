"""Stage tofu of a benchmark: TOFU's metrics of one method's model, of the target (base), or of the gold standard (retain_only).

python -m benchmarks.stages.tofu tofu retain_only
python -m benchmarks.stages.tofu tofu npo --seed 0

Forget quality and privleak compare with the rows of retain_only, which is measured first.
"""

import click

from benchmarks.stages import BENCHMARK, METHOD, SEED, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@METHOD
@SEED
def main(benchmark: Benchmark, method: str, seed: int) -> None:
    from benchmarks.suite.params import GOLD
    from benchmarks.tofu.rows import read_tofu_rows
    from pipeline.core.errors import InputError, keys_stand_in
    from pipeline.core.files import replacing, write_json
    from pipeline.core.hold import hold
    from pipeline.core.outputs import read_parquet, write_parquet

    folders = benchmark.folders
    if not (benchmark.prepare and benchmark.tofu):
        raise InputError(f"{folders.params} needs the sections prepare and tofu for TOFU's metrics.")
    gold = folders.run(GOLD, 0) / "rows.parquet"
    model, output = benchmark.model(method, seed), folders.run(method, seed)
    with keys_stand_in(folders.params):
        asked = read_tofu_rows(benchmark.prepare, benchmark.tofu)
    with hold(output / "rows.parquet", output / "tofu.json"):
        from benchmarks.criteria.distance import check_unseen, distance
        from benchmarks.tofu.answers import answer_rows  # with torch, after what can be told without it
        from benchmarks.tofu.metrics import tofu_metrics

        check_unseen(folders, method)
        rows = answer_rows(model, asked, benchmark.tofu, benchmark.runtime)
        others = read_parquet(gold, list(rows[0])).to_pylist() if method != GOLD and gold.exists() else None
        metrics = tofu_metrics(rows, others)
        metrics["values"] |= distance(model, folders, benchmark.runtime)
        with replacing(output / "rows.parquet") as path:
            write_parquet(path, rows)
        write_json(output / "tofu.json", {"method": method, "seed": seed, **metrics})
    click.echo(f"{output}: rows.parquet, tofu.json")
    for key, reason in metrics["left_out"].items():
        click.echo(f"left out: {key} ({reason})")
    for key in ("tofu.forget_quality", "tofu.model_utility", "tofu.forget_probability", "gap.kl"):
        if key in metrics["values"]:
            click.echo(f"{key} {metrics['values'][key]:.4g}")


if __name__ == "__main__":
    run(main)
