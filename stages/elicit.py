"""Stage elicit: ask the base about targets without texts, and about all targets' neighbours; its answers become chat passages.

python -m stages.elicit
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.core.files import published_folder
    from pipeline.core.outputs import BASE_MODEL, ELICITED, PREPARED
    from pipeline.core.params import read_section
    from pipeline.core.runtime import RuntimeParams
    from pipeline.elicit.ask import check_answers, elicit, passages_of, write_answers
    from pipeline.elicit.params import ElicitParams
    from pipeline.elicit.questions import NEIGHBOUR_TEMPLATES_FILE, read_refusals, read_templates, to_ask
    from pipeline.prepare.tables import read_targets_table
    from pipeline.text.passages import read_passages, write_passages

    params, runtime = read_section(ElicitParams, "elicit"), read_section(RuntimeParams, "runtime")
    targets = read_targets_table(PREPARED)
    with_texts = {passage.target for passage in read_passages(PREPARED) if passage.kind == "forget"}
    asked = to_ask(targets, with_texts, params)
    near = read_templates(NEIGHBOUR_TEMPLATES_FILE)
    rows = elicit(BASE_MODEL, asked, targets, read_templates(), near, read_refusals(), params, runtime)
    check_answers(rows, asked, with_texts)
    passages = passages_of(rows, targets)
    with published_folder(ELICITED) as folder:
        write_answers(folder, rows)
        write_passages(folder, passages)
    kept = {kind: sum(passage.kind == kind for passage in passages) for kind in ("forget", "retain")}
    click.echo(f"{ELICITED}: passages.parquet, answers.parquet")
    click.echo(f"asked about {', '.join(target.target for target in asked) or 'nobody: every target has a text (elicit.of)'}")
    click.echo(f"{len(rows)} answers, of which {kept['forget']} forget and {kept['retain']} retain passages")


if __name__ == "__main__":
    main()
