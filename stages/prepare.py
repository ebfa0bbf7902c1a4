"""Stage prepare: check the user's files, cut passages, find mentions, draw counterfactual names. Needs no model.

python -m stages.prepare
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.params import load_params
    from pipeline.paths import PREPARED
    from pipeline.prepare.names import draw_names, read_pool
    from pipeline.prepare.passages import cut_passages, read_retain_passages
    from pipeline.prepare.questions import read_questions
    from pipeline.prepare.targets import read_targets
    from pipeline.publish import published_folder
    from pipeline.tables import write_tables

    params = load_params()["prepare"]
    targets, wanted = read_targets(wanted=params.targets)
    questions = read_questions(targets, wanted)
    pool = read_pool()
    names = [name for target in wanted for name in draw_names(target, targets, pool, params.seed)]
    forget = [p for target in wanted for p in cut_passages(target, params.language, params.sentences_per_passage)]
    retain = read_retain_passages(wanted)
    with published_folder(PREPARED) as folder:
        write_tables(folder, [*forget, *retain], names, questions)
    click.echo(f"{PREPARED}: {', '.join(target.name for target in wanted)}")
    click.echo(f"{len(forget)} forget and {len(retain)} retain passages, {len(names)} names, {len(questions)} questions")


if __name__ == "__main__":
    main()
