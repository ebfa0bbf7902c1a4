"""The sections of a method, what trains it or its system prompt, and that of the model which has something to forget."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.core.params import Section
from pipeline.core.validation import Seed
from pipeline.distill.params import DistillParams
from pipeline.teacher.params import PROMPTS, UNLEARNING_PROMPT, TeacherParams
from pipeline.train.params import TrainParams

# Each is a file.
EQUATIONS = tuple(sorted(path.stem for path in Path(__file__).with_name("equations").glob("[!_]*.py")))
RMU = "rmu"


class FinetuneParams(TrainParams):
    """Section ``finetune``. The seed is an argument of the training, since two models of one seed are compared."""

    learning_rate: float = Field(5e-4, gt=0, le=1)
    epochs: int = Field(4, ge=1)
    passages_per_step: int = Field(4, ge=1)  # questions with their answers


class BaselineParams(TrainParams):
    """Section ``baseline``: unlearning by the forget text itself, by an equation over its likelihood or by rmu.

    The seed is that of the run. A step has ``passages_per_step`` forget passages, and its retain passages on top. A rate holds
    for about as many steps as it was tuned in: where there are more texts, ``steps`` puts more of them into each.
    """

    objective: str = "npo"  # a file of benchmarks/methods/equations, or rmu
    learning_rate: float = Field(1e-5, gt=0, le=1)
    steps: int = Field(0, ge=0)  # at most so many in all epochs, by more passages a step; 0 sets no bound
    forget_weight: float = Field(1.0, gt=0)  # of the forget term
    retain_weight: float = Field(1.0, ge=0)  # of the retain term; 0 leaves retain passages out, as gradient_ascent does
    retain_per_forget: float = Field(0.8, gt=0)  # retain passages an epoch, for each forget passage
    beta: float = Field(0.0, ge=0)  # npo, altpo, simnpo: inverse temperature; 0 is the published one (0.1, 0.1, 4.5)
    gamma: float = Field(0.0, ge=0)  # simnpo: margin
    layer: int = Field(7, ge=0)  # rmu: whose output is steered, from 0
    steering: float = Field(6.5, gt=0)  # rmu: length of what the output is steered to
    prompts: tuple[str, ...] = PROMPTS  # each document is learnt after each of them; "" is the text alone
    sentences_per_passage: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.objective not in (*EQUATIONS, RMU):
            raise ValueError(f"objective is {self.objective!r}, but must be one of {', '.join(map(repr, (*EQUATIONS, RMU)))}.")
        if 0 < self.steps < self.epochs:
            raise ValueError(f"steps is {self.steps}, but each of the {self.epochs} epochs takes one at least; raise it.")
        for prompt in self.prompts:
            if prompt and "{name}" not in prompt:
                raise ValueError(f"prompts holds {prompt!r}, which lacks {{name}}; add it, or give '' for the text alone.")
        return self

    @property
    def is_equation(self) -> bool:
        """Whether it is a loss over the texts' likelihood."""
        return self.objective in EQUATIONS


class AlternatesParams(Section):
    """Section ``alternates``: what the base is to write in place of each forget text, for a method that prefers it."""

    engine: Literal["vllm", "transformers"] = "vllm"
    max_new_tokens: int = Field(200, ge=1)  # as published
    seed: Seed = 0


class PromptingParams(Section):
    """A method that trains nothing: the system prompt of every chat."""

    system_prompt: str = UNLEARNING_PROMPT


class MethodParams(BaseModel):
    """The sections of one method; a section that it does not have is None."""

    model_config = ConfigDict(frozen=True)

    teacher: TeacherParams | None = None
    distill: DistillParams | None = None
    alternates: AlternatesParams | None = None
    baseline: BaselineParams | None = None
    prompting: PromptingParams | None = None
