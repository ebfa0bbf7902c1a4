"""Compare the shards with the teacher over the whole vocabulary, on a sample of the forget passages.

python -m stages.fidelity

Says what the cut to K tokens costs (total variation, KL, gradient), for the shards as written and for
other K, how many positions the alignment loses, and how far the two engines agree. Writes evaluation/fidelity.json.
"""

import click

from pipeline.core.hold import hold
from pipeline.core.outputs import EVALUATION
from pipeline.core.process import run


def _top_ks(_context: click.Context, _option: click.Parameter, value: str) -> list[int]:
    """Distinct numbers of at least 1 from a list with commas, ascending."""
    words = value.split(",")
    if not all(word.strip().isdecimal() and len(word) < 10 and int(word) > 0 for word in words):
        raise click.BadParameter(f"{value[:60]!r} must be whole numbers above 0, with nine digits at most and commas between.")
    return sorted({int(word) for word in words})


@click.command(help=__doc__)
@click.option("--passages", default=12, show_default=True, type=click.IntRange(min=1), help="Forget passages to draw.")
@click.option("--top-k", "top_ks", default="16,32,64,128,256,512", show_default=True, callback=_top_ks, help="K to compare.")
@click.option("--target", help="Draw passages of this target only.")
@hold(EVALUATION / "fidelity.json")
def main(passages: int, top_ks: list[int], target: str | None) -> None:
    from pipeline.core.files import write_json
    from pipeline.core.outputs import BASE_MODEL, ELICITED, PREPARED, TEACHER, check_folder, check_model
    from pipeline.core.params import read_section
    from pipeline.core.runtime import RuntimeParams
    from pipeline.fidelity.measure import measure, report_lines, summary_line
    from pipeline.teacher.params import TeacherParams
    from pipeline.teacher.passages import PassageSource
    from pipeline.text.names import read_names

    params, runtime = read_section(TeacherParams, "teacher"), read_section(RuntimeParams, "runtime")
    check_model(BASE_MODEL)
    for folder in (PREPARED, ELICITED, TEACHER):
        check_folder(folder)
    report = measure(
        BASE_MODEL,
        TEACHER,
        params,
        runtime,
        PassageSource(params, PREPARED, ELICITED),
        read_names(PREPARED),
        wanted=passages,
        top_ks=top_ks,
        target=target,
    )
    for line in report_lines(report):
        click.echo(line)
    path = EVALUATION / "fidelity.json"
    write_json(path, report)
    click.echo(f"{path}; {summary_line(report)}")


if __name__ == "__main__":
    run(main)
