"""Section ``judge``: who rates the answers, and what it may cost."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.core.params import Section
from pipeline.core.validation import Seed


class JudgeParams(Section):
    """Section ``judge``. Keys from ``base_url`` to ``timeout_s`` are for the judge ``openai``."""

    judge: Literal["rules", "openai", "vllm", "transformers"] = "rules"  # the last two: a model in a local folder
    model: str = ""  # the endpoint's name of its model, or the folder; the rules need none
    max_new_tokens: int = Field(64, ge=8)  # of a reply; a model that thinks before it answers needs some 1000 more
    base_url: str = ""  # of any endpoint that speaks OpenAI's chat completions, http://localhost:8000/v1; empty is OpenAI's own
    api_key_env: str = "OPENAI_API_KEY"  # environment variable that holds the key; "" for a server that needs none
    temperature: float = Field(0.0, ge=0, le=2)  # local models always answer greedily
    seed: Seed = 0
    budget: int = Field(5000, ge=0)  # requests a run at most, retries not counted; 0 is no limit
    concurrency: int = Field(8, ge=1, le=256)  # requests in flight
    retries: int = Field(6, ge=0)  # of a request, after 429, a server's error or a timeout; waits double from 0.5 s
    timeout_s: float = Field(120.0, gt=0)  # of one try

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.judge != "rules" and not self.model:
            raise ValueError(f"model is empty, but judge is {self.judge!r}; name the model that judges.")
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url is {self.base_url!r}, but must begin with http:// or https://.")
        return self
