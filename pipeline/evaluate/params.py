"""Section ``evaluate``: questions, answers and intervals."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.core.params import Section
from pipeline.core.validation import Seed


class EvaluateParams(Section):
    engine: Literal["vllm", "transformers"] = "vllm"
    max_new_tokens: int = Field(48, ge=1)
    consistency_samples: int = Field(4, ge=0, le=1000)  # answers sampled to each forget question; 0 leaves the measure out
    floor_names: int = Field(5, ge=1)  # counterfactual names the floor is averaged over
    bootstrap_samples: int = Field(2000, ge=100, le=1_000_000)
    seed: Seed = 0

    @model_validator(mode="after")
    def _enough_samples(self) -> Self:
        if self.consistency_samples == 1:
            raise ValueError("consistency_samples is 1, but one answer agrees with nothing; give 2 or more, or 0 for none.")
        return self
