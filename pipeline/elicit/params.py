"""Section ``elicit``: what the base model itself says about the targets and their neighbours."""

from typing import Literal

from pydantic import Field

from pipeline.core.params import Section
from pipeline.core.validation import Seed


class ElicitParams(Section):
    engine: Literal["vllm", "transformers"] = "vllm"
    templates: int = Field(200, ge=0)  # questions about each target without a document or chat; 0 switches elicitation off
    templates_beside_texts: int = Field(40, ge=0)  # about each target that has some
    answers: int = Field(1, ge=1, le=1000)  # sampled for each question
    neighbours: int = Field(24, ge=0)  # other entities asked about, for each target
    neighbour_templates: int = Field(4, ge=0)  # questions about each of them, one answer each
    temperature: float = Field(0.6, ge=0.01, le=10)
    max_new_tokens: int = Field(48, ge=8)
    seed: Seed = 0
