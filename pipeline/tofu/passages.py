"""The retain passages of a TOFU benchmark: rows that the target has learned and that are not asked."""

from pipeline.errors import InputError
from pipeline.prepare.passages import chat_passage
from pipeline.tables import Passage
from pipeline.tofu.rows import TofuRows

SUBJECT = "other authors"


def retain_passages(rows: TofuRows) -> list[Passage]:
    """``rows.retain_chats`` as chats, but for the asked ones: what a method is trained to keep must not be what is measured.

    Raises InputError where none is left.
    """
    asked = {row.question for row in rows.asked["retain"]}
    kept = [
        chat_passage(SUBJECT, "retain", question, answer, ()) for question, answer in rows.retain_chats if question not in asked
    ]
    if not kept:
        raise InputError(
            f"tofu.rows_per_set asks all {len(rows.retain_chats)} retain rows that are trained, so none is left to retain; "
            "lower it, or raise tofu.retain_rows."
        )
    return kept
