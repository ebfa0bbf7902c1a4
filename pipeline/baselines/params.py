"""Section ``baseline``: which objective, and how it is trained."""

from dataclasses import dataclass
from typing import Literal

from pipeline.errors import InputError
from pipeline.params import Precision, TeacherParams, bounded

# Where ``beta`` is 0: NPO's of its paper's TOFU runs; SimNPO's of its authors' run on TOFU forget10. OpenUnlearning has both.
PUBLISHED_BETA = {"npo": 0.1, "simnpo": 4.5}


@dataclass(frozen=True)
class BaselineParams:
    """Section ``baseline``: unlearning by the likelihood of the forget text. The seed is that of the run."""

    objective: Literal["gradient_ascent", "gradient_difference", "npo", "simnpo"] = "npo"
    learning_rate: float = bounded(1e-5, above=0, at_most=1)
    epochs: int = bounded(2, at_least=1)
    passages_per_step: int = bounded(8, at_least=1)  # forget passages; a step's retain passages come on top
    warmup_fraction: float = bounded(0.1, at_least=0, at_most=1)
    weight_decay: float = bounded(0.0, at_least=0)
    max_grad_norm: float = bounded(1.0, above=0)
    precision: Precision = "float32"  # of weights and gradients; bfloat16 takes 6 bytes a weight in place of 16
    retain_weight: float = bounded(1.0, at_least=0)  # of the retain term; 0 leaves retain passages out, as gradient_ascent does
    retain_per_forget: float = bounded(0.2, above=0)  # retain passages an epoch, for each forget passage
    beta: float = bounded(0.0, at_least=0)  # npo, simnpo: inverse temperature; 0 is the published one (0.1, 4.5)
    gamma: float = bounded(0.0, at_least=0)  # simnpo: margin
    prompts: tuple[str, ...] = TeacherParams.prompts  # each document is learnt after each of them; "" is the text alone
    sentences_per_passage: int = bounded(1, at_least=1)

    def __post_init__(self) -> None:
        for prompt in self.prompts:
            if prompt and "{name}" not in prompt:
                raise InputError(f"prompts holds {prompt!r}, which lacks {{name}}; add it, or give '' for the text alone.")

    @property
    def inverse_temperature(self) -> float:
        """``beta``, or the objective's published one where it is 0."""
        return self.beta or PUBLISHED_BETA.get(self.objective, 0.0)
