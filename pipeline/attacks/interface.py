"""What an attack is, and which of several counts.

Liu et al. (2024), section 4, report the worse of two attacks, by the mean over all questions: a student withholds what it was
made to forget only if none of them gets at it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.attacks.params import AttackParams
from pipeline.evaluate.rouge import rouge_l_recall
from pipeline.params import RuntimeParams

Row = Mapping[str, Any]  # of questions.parquet: question, answer, target and split are read


@dataclass(frozen=True)
class AttackAnswer:
    """What ``attack`` got out of the model for one question."""

    attack: str
    response: str
    rouge_l_recall: float  # of the right answer in the response, 0 to 1


class Attack(Protocol):
    """A way to make a model say what it was made to forget."""

    @property
    def name(self) -> str:
        """What the attack is called in results."""
        ...

    def switched_on(self, params: AttackParams) -> bool:
        """Whether ``params`` ask for this attack."""
        ...

    def run(
        self,
        model_folder: Path,
        questions: Sequence[Row],
        shots: Sequence[Row],
        params: AttackParams,
        runtime: RuntimeParams,
    ) -> list[AttackAnswer]:
        """One answer to each of ``questions``, in their order; ``shots`` are questions that the model may answer.

        Raises InputError where the model, the questions or the parameters do not allow the attack.
        """
        ...


def answer_to(question: Row, response: str, attack: str) -> AttackAnswer:
    """``response`` measured against the right answer."""
    return AttackAnswer(attack, response, rouge_l_recall(question["answer"], response))


def mean_recall(answers: Sequence[AttackAnswer]) -> float:
    """Mean ROUGE-L recall of the right answers: how much leaks."""
    return sum(answer.rouge_l_recall for answer in answers) / len(answers)
