"""Section ``judge``: who rates the answers, and what it may cost."""

from dataclasses import dataclass
from typing import Literal

from pipeline.errors import InputError
from pipeline.params import bounded


@dataclass(frozen=True)
class JudgeParams:
    """Section ``judge``. Keys from ``base_url`` to ``timeout_s`` are for the judge ``openai``."""

    judge: Literal["rules", "openai", "vllm", "transformers"] = "rules"  # the last two: a model in a local folder
    model: str = ""  # the endpoint's name of its model, or the folder; the rules need none
    max_new_tokens: int = bounded(64, at_least=8)  # of a reply; a model that thinks before it answers needs some 1000 more
    base_url: str = ""  # of any endpoint that speaks OpenAI's chat completions, http://localhost:8000/v1; empty is OpenAI's own
    api_key_env: str = "OPENAI_API_KEY"  # environment variable that holds the key; "" for a server that needs none
    temperature: float = bounded(0.0, at_least=0, at_most=2)  # local models always answer greedily
    seed: int = bounded(0, at_least=0)
    budget: int = bounded(5000, at_least=0)  # requests a run at most, retries not counted; 0 is no limit
    concurrency: int = bounded(8, at_least=1, at_most=256)  # requests in flight
    retries: int = bounded(6, at_least=0)  # of a request, after 429, a server's error or a timeout; waits double from 0.5 s
    timeout_s: float = bounded(120.0, above=0)  # of one try

    def __post_init__(self) -> None:
        if self.judge != "rules" and not self.model:
            raise InputError(f"model is empty, but judge is {self.judge!r}; name the model that judges.")
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise InputError(f"base_url is {self.base_url!r}, but must begin with http:// or https://.")
