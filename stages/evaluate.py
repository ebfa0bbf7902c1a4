"""Stage evaluate: ask the base or the student every question, and set the student beside the base.

python -m stages.evaluate base
python -m stages.evaluate student
"""

import click

from pipeline.core.hold import hold
from pipeline.core.outputs import EVALUATION
from pipeline.core.process import run


@click.command(help=__doc__)
@click.argument("model", type=click.Choice(["base", "student"]))
@hold(EVALUATION / "base", EVALUATION / "student")
def main(model: str) -> None:
    from pipeline.core.files import json_fingerprint, published_folder, read_text, write_json, write_text
    from pipeline.core.outputs import BASE_MODEL, PREPARED, STUDENT
    from pipeline.core.params import read_section
    from pipeline.core.runtime import RuntimeParams
    from pipeline.evaluate import results
    from pipeline.evaluate.ask import ask
    from pipeline.evaluate.params import EvaluateParams
    from pipeline.evaluate.verdict import findings, lines, ratios
    from pipeline.model.folder import model_fingerprint
    from pipeline.prepare.tables import read_question_rows
    from pipeline.text.names import read_names

    params, runtime = read_section(EvaluateParams, "evaluate"), read_section(RuntimeParams, "runtime")
    is_base = model == "base"
    questions = read_question_rows(PREPARED)
    if not is_base:
        base_rows = results.read_base(EVALUATION / "base", questions)
    folder = BASE_MODEL if is_base else STUDENT
    rows = ask(folder, questions, read_names(PREPARED), params, runtime, with_floor=is_base)
    metrics = results.split_metrics(rows, params)
    if not is_base:
        base_metrics = results.split_metrics(base_rows, params)
        found = findings(base_rows, rows, params)
        few = results.summary(base_metrics, metrics) | ratios(found)
    made_from = {
        "model_fingerprint": model_fingerprint(folder),
        "questions_fingerprint": json_fingerprint(questions),
        "settings": params.model_dump(),
    }
    output = EVALUATION / model
    with published_folder(output) as fresh:
        results.write_answers(fresh / "answers.parquet", rows)
        write_json(fresh / "metrics.json", metrics)
        write_json(fresh / "manifest.json", made_from)
        if not is_base:
            card = read_text(STUDENT / "README.md", "it by dvc repro distill")
            write_json(fresh / "verdict.json", found)
            write_text(fresh / "README.md", results.with_metrics(card, few, found))
    if is_base:
        for split, measures in metrics.items():
            probability, floor = measures.get("probability"), measures.get("floor_probability")
            line = f"{split}: " + (f"probability {probability['mean']:.3f}" if probability else "no wrong answers given")
            click.echo(line + (f", floor {floor['mean']:.3f}" if floor else ""))
        return click.echo(f"{output}: answers.parquet, metrics.json")
    write_json(EVALUATION / "metrics.json", {**few, **results.side_by_side(base_metrics, metrics)})
    click.echo("\n".join([*results.sample_answers(base_rows, rows), "", *results.before_after(base_metrics, metrics, few), ""]))
    click.echo("\n".join([*lines(found), ""]))
    click.echo(f"{output}: answers.parquet, README.md; {EVALUATION}/metrics.json")
    click.echo(", ".join(f"{key} {value}" for key, value in few.items() if not key.endswith(("_low", "_high"))))


if __name__ == "__main__":
    run(main)
