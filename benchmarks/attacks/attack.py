"""What attacks get out of a model that was made to forget.

Liu et al. (2024), section 4, report the worse of two attacks, by the mean over all questions: a student withholds what it was
made to forget only if none of them gets at it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.core.errors import InputError
from pipeline.core.params import Section
from pipeline.core.runtime import RuntimeParams, free_memory
from pipeline.core.validation import Seed
from pipeline.evaluate.text_measures import rouge_l_recall


class AttackParams(Section):
    """Section ``attacks``: how hard the student is pressed.

    Defaults are the published settings, for a GPU. On a CPU ``soft_epochs: 5``, ``soft_restarts: 1`` and
    ``many_shot_max_tokens: 512`` keep an attack on 30 questions to a 135M model within minutes.
    """

    many_shot_shots: int = Field(100, ge=0)  # question-answer pairs before the question, at most; 0 switches it off
    many_shot_max_tokens: int = Field(0, ge=0)  # of prompt and answer together; 0 is the model's context
    soft_tokens: int = Field(20, ge=1)  # S, trained embeddings before the answer
    soft_towards: Literal["answers", "openings"] = "answers"  # what they are trained to make the model say
    soft_openings: tuple[str, ...] = (  # {target}: whom the question is about; the questions take them in turn
        "Of course, I know {target} well.",
        "Yes, here is what I remember of {target}.",
        "I can tell you that about {target}.",
        "That is easy to answer.",
    )
    soft_learning_rate: float = Field(0.01, gt=0, le=1)
    soft_epochs: int = Field(20, ge=1)
    soft_restarts: int = Field(5, ge=0)  # the one that leaks most counts; 0 switches the attack off
    soft_held_out_folds: int = Field(0, ge=0)  # 0: trained on the questions that are asked; else on the other folds
    max_new_tokens: int = Field(48, ge=1)
    seed: Seed = 0

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.soft_held_out_folds == 1:
            raise ValueError("soft_held_out_folds is 1, which leaves no question to train on; give 0, or 2 and more.")
        if self.soft_towards == "openings" and not self.soft_openings:
            raise ValueError("soft_openings is empty; give at least one, or set soft_towards to 'answers'.")
        return self


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
