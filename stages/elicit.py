"""Stage elicit: ask the base model about targets without texts, or all; what it says becomes chat passages.

python -m stages.elicit
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.elicit.ask import check_answers, elicit, passages_of, to_ask
    from pipeline.elicit.results import write_answers
    from pipeline.elicit.templates import read_templates
    from pipeline.elicit.verdict import read_refusals
    from pipeline.params import load_params
    from pipeline.paths import BASE_MODEL, ELICITED
    from pipeline.publish import published_folder
    from pipeline.tables import read_passages, read_targets_table, write_passages

    params = load_params()
    targets = read_targets_table()
    with_texts = {passage.target for passage in read_passages() if passage.kind == "forget"}
    asked = to_ask(targets, with_texts, params["elicit"])
    rows = elicit(BASE_MODEL, asked, targets, read_templates(), read_refusals(), params["elicit"], params["runtime"])
    check_answers(rows, asked, with_texts)
    passages = passages_of(rows, targets)
    with published_folder(ELICITED) as folder:
        write_answers(folder / "answers.parquet", rows)
        write_passages(folder, passages)
    kept = {kind: sum(passage.kind == kind for passage in passages) for kind in ("forget", "retain")}
    click.echo(f"{ELICITED}: passages.parquet, answers.parquet")
    click.echo(f"asked about {', '.join(target.target for target in asked) or 'nobody: every target has a text (elicit.of)'}")
    click.echo(f"{len(rows)} answers, of which {kept['forget']} forget and {kept['retain']} retain passages")


if __name__ == "__main__":
    main()
