"""Which passages the teacher teaches: the user's own texts, what was elicited from the base model, or both."""

from pathlib import Path

from pipeline.errors import InputError
from pipeline.params import TeacherParams
from pipeline.paths import ELICITED, PREPARED
from pipeline.tables import Passage, read_passages


def passages_to_teach(params: TeacherParams, prepared: Path = PREPARED, elicited: Path = ELICITED) -> list[Passage]:
    """Forget passages of ``forget_from``, then retain passages of ``retain_from``; given ones before elicited ones.

    What no parameter names is not read, and need not be there. Raises InputError where it is named and can't be made.
    """
    named = {*params.forget_from, *params.retain_from}
    if "elicited" in named and elicited != ELICITED and not elicited.is_dir():
        raise InputError(
            f"{elicited} is missing, and a benchmark with documents of its own elicits nothing; set forget_from and "
            "retain_from of the method's teacher to [given]."
        )
    sources = {name: read_passages(folder) for name, folder in (("given", prepared), ("elicited", elicited)) if name in named}
    chosen = (("forget", params.forget_from), ("retain", params.retain_from))
    return [
        passage
        for kind, names in chosen
        for name, passages in sources.items()
        if name in names
        for passage in passages
        if passage.kind == kind
    ]
