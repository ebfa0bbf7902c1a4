"""The retain passages of a TOFU benchmark: rows that the target has learned and that are not asked."""

from pipeline.prepare.passages import chat_passage
from pipeline.tables import Passage
from pipeline.tofu.rows import TofuRows

SUBJECT = "other authors"


def retain_passages(rows: TofuRows) -> list[Passage]:
    """``rows.retain_chats`` as chats, but for the asked ones: what a method is trained to keep must not be what is measured."""
    asked = {row.question for row in rows.asked["retain"]}
    return [
        chat_passage(SUBJECT, "retain", question, answer, ()) for question, answer in rows.retain_chats if question not in asked
    ]
