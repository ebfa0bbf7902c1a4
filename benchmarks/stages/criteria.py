"""Stage criteria of a benchmark: ask, judge and attack one method's model (or the base), and measure what it still knows.

python -m benchmarks.stages.criteria project npo --seed 0
"""

import click

from benchmarks.stages import BENCHMARK, METHOD, SEED, Benchmark
from pipeline.core.process import run


@click.command(help=__doc__)
@BENCHMARK
@METHOD
@SEED
def main(benchmark: Benchmark, method: str, seed: int) -> None:
    from pipeline.core.files import replacing, write_json
    from pipeline.core.hold import hold
    from pipeline.evaluate.results import write_answers

    model, output = benchmark.model(method, seed), benchmark.folders.run(method, seed)
    answers, criteria = output / "answers.parquet", output / "criteria.json"
    with hold(answers, criteria):
        from benchmarks.criteria.run import measure  # with torch, after what can be told without it

        rows, report = measure(benchmark, method, seed, model)
        with replacing(answers) as path:
            write_answers(path, rows)
        write_json(criteria, report)
    for row in [row for row in rows if row["split"] == "forget"][:3]:
        click.echo(f"{row['question']}\n  {' '.join(row['response'].split())[:150]}")
    click.echo(f"{output}: answers.parquet, criteria.json")
    for key, reason in report["left_out"].items():
        click.echo(f"left out: {key} ({reason})")
    click.echo(", ".join(f"{key} {value:.3f}" for key, value in report["values"].items()))


if __name__ == "__main__":
    run(main)
