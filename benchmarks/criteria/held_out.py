"""Texts about the targets that no method trains on, for the interventional gap (see ``distance``).

The forget questions with their right answers, and the documents that a target holds out (``held_out_documents``), sentence by
sentence, as answers to a request to tell of it. Of a question that a method trains on, TOFU's, the paraphrase.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import mentions, text_of

REQUEST = "Tell me about {name}."


def held_out_passages(
    questions: Sequence[Mapping[str, Any]], passages: Sequence[Passage], names: Mapping[str, Sequence[CounterfactualName]]
) -> list[Passage]:
    """The forget questions, and the held-out sentences of ``passages``, as chats about their targets.

    A question that a forget chat of ``passages`` trains on is asked and answered in its other words, if it has some that name
    the target, and else left out.
    """
    trained = {text_of(p.question) for p in passages if p.kind == "forget"}
    forms = {target: tuple(drawn[0].replacements) for target, drawn in names.items()}
    pairs = []
    for q in questions:
        if q["split"] == "forget" and q["question"] not in trained:
            pairs.append((q["target"], q["question"], q["answer"]))
        elif q["split"] == "forget" and q["paraphrased_question"] and q["paraphrased_answer"]:
            other = q["paraphrased_question"], q["paraphrased_answer"]
            if mentions("\n".join(other), forms[q["target"]]):
                pairs.append((q["target"], *other))
    pairs += [(p.target, REQUEST.replace("{name}", p.target), text_of(p.segments)) for p in passages if p.kind == "held_out"]
    return [chat_passage(target, "forget", question, answer, forms[target]) for target, question, answer in pairs]
