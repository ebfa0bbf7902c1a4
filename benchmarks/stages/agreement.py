"""How far a judge agrees with the answers labelled by hand in data/judge/labelled.jsonl.

The judge is the one of the section "judge" in PARAMS, a YAML file; without one it is the embedded rules.

python -m benchmarks.stages.agreement

python -m benchmarks.stages.agreement benchmarks/configs/NAME.yaml --show
"""

from pathlib import Path

import click

from pipeline.core.process import run


@click.command(help=__doc__)
@click.argument("params", required=False, type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Print each answer that the judge rates otherwise.")
def main(params: Path | None, show: bool) -> None:
    from benchmarks.judges.agreement import agreement_lines, disagreement_lines, read_labelled
    from benchmarks.judges.models import JudgeParams
    from benchmarks.judges.rate import rate_items
    from benchmarks.judges.rubrics import SCALES
    from pipeline.core.params import read_section
    from pipeline.core.runtime import RuntimeParams

    judge = read_section(JudgeParams, "judge", params) if params else JudgeParams()
    labelled = read_labelled()
    items = [one.item(rubric) for rubric in SCALES for one in labelled]
    given, counts = rate_items(items, judge, read_section(RuntimeParams, "runtime"))
    ratings = {rubric: given[n * len(labelled) : (n + 1) * len(labelled)] for n, rubric in enumerate(SCALES)}
    if show:
        click.echo("\n".join([*disagreement_lines(labelled, ratings), ""]))
    click.echo("\n".join(agreement_lines(labelled, ratings)))
    click.echo(f"judge {judge.judge}: " + ", ".join(f"{key} {count}" for key, count in counts.items()))


if __name__ == "__main__":
    run(main)
