"""A model as the judge: behind any endpoint that speaks OpenAI's chat completions, or in a local folder.

Endpoint (OpenAI, a vLLM server, ...): waiting and retrying after a rate limit, a server's error or a timeout is the official
client's work. Requests run in threads; replies are handed on in the caller's thread, one by one. At the first request that
fails for good no new one is sent, those in flight are waited for and handed on, and one sentence says what happened.

Folder: through vLLM (or plain transformers), greedy, by the model's own chat template.

Each has an ``identity``, all that could change a reply apart from the prompt, and gives the ``replies`` to prompts, at least
one: each with its prompt's index, in any order, as soon as there is one. They raise InputError when they have to stop before
the last.
"""

import json
import os
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from pipeline.core.errors import InputError
from pipeline.core.params import Section
from pipeline.core.runtime import RuntimeParams
from pipeline.core.validation import Seed
from pipeline.engines.open import open_engine
from pipeline.model.folder import model_fingerprint, tokenizer_fingerprint
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize

OPENAI_URL = "https://api.openai.com/v1"
_OPENAI_KEY = "OPENAI_API_KEY"  # goes to OpenAI's own endpoint alone, unless api_key_env names it
BATCH = 64  # prompts of a local model between two times that replies are handed on
_MESSAGE_LENGTH = 160  # characters of a server's own words that are passed on


class JudgeParams(Section):
    """Section ``judge``: who rates the answers, and what it may cost. ``base_url`` to ``timeout_s`` are for ``openai``."""

    judge: Literal["rules", "openai", "vllm", "transformers"] = "rules"  # the last two: a model in a local folder
    model: str = ""  # the endpoint's name of its model, or the folder; the rules need none
    max_new_tokens: int = Field(64, ge=8)  # of a reply; a model that thinks before it answers needs some 1000 more
    base_url: str = ""  # of any endpoint that speaks OpenAI's chat completions, http://localhost:8000/v1; empty is OpenAI's own
    # Environment variable that holds the key; "" for a server that needs none. OpenAI's own has a default, others get no key
    # that is not named here.
    api_key_env: str | None = None
    temperature: float = Field(0.0, ge=0, le=2)  # local models always answer greedily
    seed: Seed = 0
    budget: int = Field(5000, ge=0)  # requests a run at most, retries not counted; 0 is no limit
    concurrency: int = Field(8, ge=1, le=256)  # requests in flight
    retries: int = Field(6, ge=0)  # of a request, after 429, a server's error or a timeout; waits double from 0.5 s
    timeout_s: float = Field(120.0, gt=0)  # of one try

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the key; empty where none is needed."""
        return _OPENAI_KEY if self.api_key_env is None else self.api_key_env

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.judge != "rules" and not self.model:
            raise ValueError(f"model is empty, but judge is {self.judge!r}; name the model that judges.")
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url is {self.base_url!r}, but must begin with http:// or https://.")
        is_openai = urlsplit(self.base_url or OPENAI_URL)[:2] == urlsplit(OPENAI_URL)[:2]
        if self.judge == "openai" and not is_openai and self.api_key_env is None:
            raise ValueError(
                f"api_key_env is not given, but base_url is {self.base_url!r}; name the variable that holds its key, or write "
                '"" for a server that needs none.'
            )
        return self


class _NoCompletion(Exception):
    """The endpoint answered, but not with a chat completion."""


class EndpointModel:
    """The model ``params.model`` at ``params.base_url``. Raises InputError when its key is missing."""

    def __init__(self, params: JudgeParams) -> None:
        from openai import OpenAI

        self._params = params
        self._url = params.base_url or OPENAI_URL
        self._client = OpenAI(
            api_key=_key(params, self._url), base_url=self._url, max_retries=params.retries, timeout=params.timeout_s
        )
        settings = [params.model, params.temperature, params.seed, params.max_new_tokens]
        self.identity = json.dumps(["openai", self._url, *settings])

    def replies(self, prompts: Sequence[str]) -> Generator[tuple[int, str], None, None]:
        """As above; a reply is empty where there was none. Raises InputError when the budget is spent too."""
        from openai import OpenAIError

        affordable = prompts[: self._params.budget] if self._params.budget else prompts
        answered = 0
        failure: Exception | None = None
        pool = ThreadPoolExecutor(self._params.concurrency)
        try:
            index_of: dict[Future[str], int] = {pool.submit(self._ask, prompt): i for i, prompt in enumerate(affordable)}
            for future in as_completed(index_of):
                if future.cancelled():
                    continue
                try:
                    reply = future.result()
                except (OpenAIError, _NoCompletion) as error:
                    failure = failure or error
                    for waiting in index_of:
                        waiting.cancel()
                    continue
                answered += 1
                yield index_of[future], reply
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        kept = f"{answered} of the {len(prompts)} missing ratings are there now, and a rerun goes on with the rest"
        if failure:
            raise InputError(f"the judge's endpoint {self._url} {self._reason(failure)}; {kept}.")
        if len(affordable) < len(prompts):
            raise InputError(f"judge.budget of {self._params.budget} requests is spent; {kept}.")

    def _ask(self, prompt: str) -> str:
        try:
            completion = self._client.chat.completions.create(
                model=self._params.model,
                messages=[{"role": "user", "content": prompt}],
                temperature=self._params.temperature,
                seed=self._params.seed,
                max_completion_tokens=self._params.max_new_tokens,
            )
        except ValueError:  # no JSON, or no UTF-8
            raise _NoCompletion from None
        # The client does not check what it is sent: text that is no JSON comes back as a string, a missing field as None.
        choices = getattr(completion, "choices", None)
        message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
        content = getattr(message, "content", 0)
        if not isinstance(content, str | None):
            raise _NoCompletion
        return content or ""

    def _reason(self, error: Exception) -> str:
        """What happened, as the rest of a sentence about the endpoint."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        if isinstance(error, APITimeoutError):
            return f"did not answer within judge.timeout_s of {self._params.timeout_s:g} s"
        if isinstance(error, APIConnectionError):
            cause = str(error.__cause__ or error).strip() or type(error.__cause__).__name__
            return f"can't be reached ({_one_line(cause)}), see judge.base_url"
        if isinstance(error, APIStatusError):
            if error.status_code in (401, 403):
                place = f"the key in {self._params.key_variable}" if self._params.key_variable else "judge.api_key_env"
                return f"refused the request ({error.status_code}), see {place}"
            message = error.body.get("message") if isinstance(error.body, dict) else None
            hint = ", see judge.model and judge.base_url" if error.status_code == 404 else ""
            return f"answered {error.status_code} ({_one_line(str(message or error.message))}){hint}"
        if isinstance(error, _NoCompletion):
            return "answered, but not with a chat completion, see judge.base_url (it ends with /v1 as a rule)"
        return f"failed ({_one_line(str(error))})"


class LocalModel:
    """The model in the folder ``params.model``, in the engine ``params.judge``. Raises InputError when there is none."""

    def __init__(self, params: JudgeParams, runtime: RuntimeParams) -> None:
        self._params, self._runtime = params, runtime
        self._folder = Path(params.model)
        if not (self._folder / "config.json").is_file():
            raise InputError(f"judge.model is {params.model!r}, but that is no folder with a model (config.json) in it.")
        if not list(self._folder.glob("*.safetensors")):  # other files of weights run what is written in them
            raise InputError(f"judge.model is {params.model!r}, but that folder has no *.safetensors; save the model as these.")
        self._tokenizer = load_tokenizer(self._folder)
        prints = [model_fingerprint(self._folder), tokenizer_fingerprint(self._folder)]
        self.identity = json.dumps([params.judge, *prints, params.max_new_tokens])

    def replies(self, prompts: Sequence[str]) -> Generator[tuple[int, str], None, None]:
        """As above."""
        asked = [tokenize(self._tokenizer, question_prefix(self._tokenizer, prompt))[0] for prompt in prompts]
        longest = max(map(len, asked)) + self._params.max_new_tokens
        engine = open_engine(self._params.judge, self._folder, self._runtime, longest=longest)
        for start in range(0, len(asked), BATCH):
            batch = engine.generate(asked[start : start + BATCH], self._params.max_new_tokens)
            for index, ids in enumerate(batch, start=start):
                yield index, str(self._tokenizer.decode(ids, skip_special_tokens=True)).strip()


def _key(params: JudgeParams, url: str) -> str:
    key = os.environ.get(params.key_variable, "").strip() if params.key_variable else "none"
    variable = f"the environment variable {params.key_variable}"
    if not key.isascii():
        raise InputError(f"{variable} holds a key with letters that no key has; set it anew.")
    if not key:
        raise InputError(
            f'{variable} holds no API key for {url}; set it, name another one in judge.api_key_env, or write "" there for a '
            "server that needs none."
        )
    return key


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MESSAGE_LENGTH]
