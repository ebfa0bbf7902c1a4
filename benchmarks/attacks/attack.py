"""What attacks get out of a model that was made to forget.

Liu et al. (2024), section 4, report the worse of two attacks, by the mean over all questions: a student withholds what it was
made to forget only if none of them gets at it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.attacks.params import AttackParams
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams, free_memory
from pipeline.evaluate.text_measures import rouge_l_recall

Row = Mapping[str, Any]  # of questions.parquet: question, answer, target and split are read
# (model folder, questions, shots, parameters, runtime) to a response to each question in their order, none where it is switched
# off; shots are questions that the model may answer. Raises InputError where model, questions or parameters do not allow it.
Attack = Callable[[Path, Sequence[Row], Sequence[Row], AttackParams, RuntimeParams], list[str]]


def mean_recall(questions: Sequence[Row], responses: Sequence[str]) -> float:
    """Mean ROUGE-L recall of the right answers in the responses, 0 to 1: how much leaks."""
    recalls = [rouge_l_recall(question["answer"], text) for question, text in zip(questions, responses, strict=True)]
    return sum(recalls) / len(recalls)


def attack_all(
    model: Path, questions: Sequence[Row], attacks: Mapping[str, Attack], params: AttackParams, runtime: RuntimeParams
) -> list[dict[str, Any]]:
    """Of each question, ``NAME_response`` and ``NAME_rouge_l_recall`` (of the right answer in it) of the attacks that are on.

    ``questions`` are rows of questions.parquet: those of the split forget are attacked, and the others, which have None there,
    are the shots. Raises InputError without a forget question.
    """
    forget = [question for question in questions if question["split"] == "forget"]
    if not forget:
        raise InputError(
            "data/questions.jsonl has no question of the split forget about a chosen target; an attack needs some."
        )
    others = [question for question in questions if question["split"] != "forget"]
    columns: list[dict[str, Any]] = [{} for _ in questions]
    for name, attack in attacks.items():
        if not (responses := attack(model, forget, others, params, runtime)):
            continue
        free_memory()
        left = iter(responses)
        for question, column in zip(questions, columns, strict=True):
            response = next(left) if question["split"] == "forget" else None
            recall = None if response is None else rouge_l_recall(question["answer"], response)
            column |= {f"{name}_response": response, f"{name}_rouge_l_recall": recall}
    return columns
