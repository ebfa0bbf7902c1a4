"""data/questions.jsonl: what the model is asked before and after."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pipeline.core.errors import InputError
from pipeline.core.jsonl import Row, read_jsonl
from pipeline.core.validation import Text
from pipeline.prepare.targets import Target
from pipeline.text.segments import mentions

QUESTIONS_FILE = Path("data/questions.jsonl")


class QuestionRow(Row):
    """A question as the user writes it; general ones need no target."""

    split: Literal["forget", "hard_retain", "general_retain"]
    question: Text
    answer: Text
    target: Text | None = None
    wrong_answers: tuple[Text, ...] = ()
    paraphrased_question: Text | None = None
    paraphrased_answer: Text | None = None


def read_questions(targets: Sequence[Target], wanted: Sequence[Target], path: Path = QUESTIONS_FILE) -> list[dict[str, Any]]:
    """Questions about the wanted targets, and the general ones that mention none of them, in the file's order.

    Raises InputError for a faulty row, an unknown split or target, a wrong answer that is the right one, and a wanted
    target without a forget question.
    """
    questions = []
    known, names = {target.name for target in targets}, {target.name for target in wanted}
    forms = [form for target in wanted for form in target.surface_forms]
    for number, row in read_jsonl(path, QuestionRow):
        place, is_general = f"{path}, line {number}", row.split == "general_retain"
        if not is_general and row.target not in known:
            raise InputError(f"{place}: 'target' is {row.target!r}, but must be a target of data/targets.jsonl.")
        answer, wrong = row.answer.strip(), [text.strip() for text in row.wrong_answers]
        if len({answer, *wrong}) <= len(wrong):
            raise InputError(f"{place}: 'wrong_answers' must be different from the answer and from each other.")
        # To be asked about a forgotten target is no question on something else.
        if not mentions(f"{row.question}\n{answer}", forms) if is_general else row.target in names:
            own = {"question": row.question.strip(), "answer": answer, "wrong_answers": wrong}
            questions.append({**row.model_dump(), **own})
    for target in wanted:
        if not any(q["split"] == "forget" and q["target"] == target.name for q in questions):
            raise InputError(f"{path}: no forget question about {target.name!r}; write some, or nothing can be measured.")
    return questions
