"""The whole of prepare: texts to passages, names drawn, questions checked, written as the tables of a folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.params import PrepareParams
from pipeline.prepare.names import draw_names, pool_file, read_pool
from pipeline.prepare.neighbours import find_neighbours
from pipeline.prepare.passages import forget_passages, held_out_passages
from pipeline.prepare.sources import read_source
from pipeline.publish import published_folder
from pipeline.tables import Passage, TargetFacts, write_tables


def prepare(params: PrepareParams, output: Path, *, elicits: bool, retain: Sequence[Passage] | None = None) -> Iterator[str]:
    """Write ``output`` and yield lines that say what it holds.

    ``elicits``: a target may be a bare name. ``retain``: retain passages in the place of the source's own. Raises InputError
    for whatever is wrong with the input.
    """
    source = read_source(params, elicits=elicits)
    kept = source.retain if retain is None else retain
    names = [n for t in source.targets for n in draw_names(t, source.known, read_pool(pool_file(t)), params.seed)]
    forget, held_out = forget_passages(source.targets), held_out_passages(source.targets)
    facts = [TargetFacts(t.name, t.kind, t.language, t.surface_forms, find_neighbours(t)) for t in source.targets]
    with published_folder(output) as folder:
        write_tables(folder, facts, [*forget, *kept, *held_out], names, source.questions)
    yield f"{output}: {', '.join(target.name for target in source.targets)}"
    yield (
        f"{len(forget)} forget sentences and chats, {len(kept)} retain passages, {len(names)} names, "
        f"{len(source.questions)} questions"
    )
