"""Stage prepare: check the user's files, cut passages, find mentions, draw counterfactual names. Needs no model.

python -m stages.prepare
"""

import click


@click.command(help=__doc__)
def main() -> None:
    from pipeline.params import load_params
    from pipeline.paths import PREPARED
    from pipeline.prepare.names import draw_names, pool_file, read_pool
    from pipeline.prepare.neighbours import find_neighbours
    from pipeline.prepare.passages import forget_passages, held_out_passages
    from pipeline.prepare.sources import read_source
    from pipeline.publish import published_folder
    from pipeline.tables import TargetFacts, write_tables

    params = load_params()
    source = read_source(params["prepare"], elicits=params["elicit"].templates > 0)
    seed = params["prepare"].seed
    names = [n for t in source.targets for n in draw_names(t, source.known, read_pool(pool_file(t)), seed)]
    passages = [*forget_passages(source.targets), *source.retain, *held_out_passages(source.targets)]
    facts = [TargetFacts(t.name, t.kind, t.language, t.surface_forms, find_neighbours(t)) for t in source.targets]
    with published_folder(PREPARED) as folder:
        write_tables(folder, facts, passages, names, source.questions)
    forget = sum(passage.kind == "forget" for passage in passages)
    click.echo(f"{PREPARED}: {', '.join(target.name for target in source.targets)}")
    click.echo(
        f"{forget} forget sentences and chats, {len(source.retain)} retain passages, {len(names)} names, "
        f"{len(source.questions)} questions"
    )


if __name__ == "__main__":
    main()
