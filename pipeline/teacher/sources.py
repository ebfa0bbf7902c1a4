"""Which passages the teacher teaches: the user's own texts, what was elicited from the base model, or both."""

from pipeline.params import TeacherParams
from pipeline.paths import ELICITED, PREPARED
from pipeline.tables import Passage, read_passages


def passages_to_teach(params: TeacherParams) -> list[Passage]:
    """Forget passages of ``forget_from``, then retain passages of ``retain_from``; given ones before elicited ones."""
    sources = {"given": read_passages(PREPARED), "elicited": read_passages(ELICITED)}
    chosen = (("forget", params.forget_from), ("retain", params.retain_from))
    return [
        passage
        for kind, names in chosen
        for name, passages in sources.items()
        if name in names
        for passage in passages
        if passage.kind == kind
    ]
