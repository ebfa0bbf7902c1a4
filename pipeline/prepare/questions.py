"""data/questions.jsonl: what the model is asked before and after."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.jsonl import read_jsonl
from pipeline.prepare.targets import Target
from pipeline.segments import mentions
from pipeline.tables import SPLITS

QUESTIONS_FILE = Path("data/questions.jsonl")


def read_questions(targets: Sequence[Target], wanted: Sequence[Target], path: Path = QUESTIONS_FILE) -> list[dict[str, Any]]:
    """Questions about the wanted targets, and the general ones that mention none of them, in the file's order.

    Raises InputError for a faulty row, an unknown split or target, a wrong answer that is the right one, and a wanted
    target without a forget question.
    """
    questions = []
    known = {target.name for target in targets}
    names = {target.name for target in wanted}
    forms = [form for target in wanted for form in target.surface_forms]
    rows = read_jsonl(
        path,
        {"split": "string", "question": "string", "answer": "string"},
        {
            "target": "string",
            "wrong_answers": "list of strings",
            "paraphrased_question": "string",
            "paraphrased_answer": "string",
        },
    )
    for number, row in rows:
        place = f"{path}, line {number}"
        split, target = row["split"], row.get("target")
        if split not in SPLITS:
            raise InputError(f"{place}: 'split' is {split!r}, but must be one of {', '.join(SPLITS)}.")
        if split != "general_retain" and target not in known:
            raise InputError(f"{place}: 'target' is {target!r}, but must be a target of data/targets.jsonl.")
        answer = row["answer"].strip()
        wrong = [text.strip() for text in row.get("wrong_answers") or []]
        if answer in wrong or len(set(wrong)) < len(wrong):
            raise InputError(f"{place}: 'wrong_answers' must be different from the answer and from each other.")
        # To be asked about a forgotten target is no question on something else.
        general = split == "general_retain"
        wants = not mentions(f"{row['question']}\n{answer}", forms) if general else target in names
        if wants:
            questions.append(
                {
                    "split": split,
                    "target": target,
                    "question": row["question"].strip(),
                    "answer": answer,
                    "wrong_answers": wrong,
                    "paraphrased_question": row.get("paraphrased_question"),
                    "paraphrased_answer": row.get("paraphrased_answer"),
                }
            )
    for target in wanted:
        if not any(q["split"] == "forget" and q["target"] == target.name for q in questions):
            raise InputError(f"{path}: no forget question about {target.name!r}; write some, or nothing can be measured.")
    return questions
