"""Texts about the targets that no method trains on, for the interventional gap (see ``run``).

The forget questions with their right answers, and the documents that a target holds out (``held_out_documents``), sentence by
sentence, as answers to a request to tell of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import text_of

REQUEST = "Tell me about {name}."


def held_out_passages(
    questions: Sequence[Mapping[str, Any]], passages: Sequence[Passage], names: Mapping[str, Sequence[CounterfactualName]]
) -> list[Passage]:
    """The forget questions, and the held-out sentences of ``passages``, as chats about their targets.

    Without the questions that a forget chat of ``passages`` trains on.
    """
    trained = {text_of(p.question) for p in passages if p.kind == "forget"}
    forms = {target: tuple(drawn[0].replacements) for target, drawn in names.items()}
    pairs = [
        (q["target"], q["question"], q["answer"]) for q in questions if q["split"] == "forget" and q["question"] not in trained
    ]
    pairs += [(p.target, REQUEST.replace("{name}", p.target), text_of(p.segments)) for p in passages if p.kind == "held_out"]
    return [chat_passage(target, "forget", question, answer, forms[target]) for target, question, answer in pairs]
