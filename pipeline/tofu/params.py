"""Section ``tofu``: which rows the benchmark's models learn, and which are asked."""

from dataclasses import dataclass
from typing import Literal

from pipeline.params import bounded


@dataclass(frozen=True)
class TofuEvaluateParams:
    """Section ``tofu``. The subset and where its files lie are ``prepare``'s."""

    engine: Literal["vllm", "transformers"] = "vllm"  # writes the answers; given ones are scored by transformers
    max_new_tokens: int = bounded(80, at_least=1)  # the longest answer of the benchmark has 77 in SmolLM2's tokens
    rows_per_set: int = bounded(0, at_least=0)  # evaluated, drawn by the seed; 0 is all. Retain rows: only trained ones
    retain_rows: int = bounded(160, at_least=0)  # of the retain set that are trained; 0 is all
    seed: int = bounded(0, at_least=0)
