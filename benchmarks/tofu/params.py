"""Section ``tofu``: which rows the benchmark's models learn, and which are asked."""

from typing import Literal

from pydantic import Field

from pipeline.core.params import Section
from pipeline.core.validation import Seed


class TofuEvaluateParams(Section):
    """Section ``tofu``. The subset and where its files lie are ``prepare``'s."""

    engine: Literal["vllm", "transformers"] = "vllm"  # writes the answers; given ones are scored by transformers
    max_new_tokens: int = Field(80, ge=1)  # the longest answer of the benchmark has 77 in SmolLM2's tokens
    rows_per_set: int = Field(0, ge=0)  # evaluated, drawn by the seed; 0 is all. Retain rows: only trained ones
    retain_rows: int = Field(160, ge=0)  # of the retain set that are trained; 0 is all
    seed: Seed = 0
