"""Stage evaluate: ask the base or the student every question, and set the student beside the base.

python -m stages.evaluate base
python -m stages.evaluate student
"""

import click


@click.command(help=__doc__)
@click.argument("model", type=click.Choice(["base", "student"]))
def main(model: str) -> None:
    from pipeline.evaluate.ask import ask
    from pipeline.evaluate.metrics import side_by_side, split_metrics, summary
    from pipeline.evaluate.results import check_same_questions, read_base, write_answers
    from pipeline.evaluate.table import before_after, sample_answers
    from pipeline.params import load_params
    from pipeline.paths import BASE_MODEL, EVALUATION, STUDENT
    from pipeline.publish import published_folder, write_json
    from pipeline.tables import read_names, read_question_rows

    params = load_params()
    is_base = model == "base"
    questions = read_question_rows()
    if not is_base:
        base_rows, base_metrics = read_base(EVALUATION / "base")
        check_same_questions(base_rows, questions, EVALUATION / "base")
    folder = BASE_MODEL if is_base else STUDENT
    rows = ask(folder, questions, read_names(), params["evaluate"], params["runtime"], with_floor=is_base)
    metrics = split_metrics(rows, params["evaluate"])
    output = EVALUATION / model
    with published_folder(output) as fresh:
        write_answers(fresh / "answers.parquet", rows)
        write_json(fresh / "metrics.json", metrics)
    if is_base:
        for split, measures in metrics.items():
            probability, floor = measures.get("probability"), measures.get("floor_probability")
            line = f"{split}: " + (f"probability {probability['mean']:.3f}" if probability else "no wrong answers given")
            click.echo(line + (f", floor {floor['mean']:.3f}" if floor else ""))
        return click.echo(f"{output}: answers.parquet, metrics.json")
    few = summary(base_metrics, metrics)
    write_json(EVALUATION / "metrics.json", {**few, **side_by_side(base_metrics, metrics)})
    click.echo("\n".join([*sample_answers(base_rows, rows), "", *before_after(base_metrics, metrics), ""]))
    click.echo(f"{output}/answers.parquet, {EVALUATION}/metrics.json")
    click.echo(", ".join(f"{key} {value}" for key, value in few.items()))


if __name__ == "__main__":
    main()
