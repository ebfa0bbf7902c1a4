"""A model behind any endpoint that speaks OpenAI's chat completions (OpenAI, a vLLM server, ...) as the judge.

Waiting and retrying after a rate limit, a server's error or a timeout is the official client's work. Requests run in threads;
replies are handed on in the caller's thread, one by one. At the first request that fails for good no new one is sent, those in
flight are waited for and kept, and one sentence says what happened.
"""

import json
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.judges.interface import Item, OnRating, Rating
from pipeline.judges.params import JudgeParams
from pipeline.judges.replies import parse_rating
from pipeline.judges.rubrics import Rubric
from pipeline.progress import progress_bar

if TYPE_CHECKING:
    from openai import OpenAI

OPENAI_URL = "https://api.openai.com/v1"
_MESSAGE_LENGTH = 160  # characters of a server's own words that are passed on


class _NoCompletion(Exception):
    """The endpoint answered, but not with a chat completion."""


class OpenaiJudge:
    """The model ``params.model`` at ``params.base_url``. Raises InputError when its key is missing."""

    def __init__(self, params: JudgeParams, rubrics: dict[str, Rubric]) -> None:
        self._params, self._rubrics = params, rubrics
        self._url = params.base_url or OPENAI_URL
        self._client = _client(params, self._url)

    @property
    def identity(self) -> str:
        """See Judge.identity."""
        p = self._params
        return json.dumps(["openai", self._url, p.model, p.temperature, p.seed, p.max_new_tokens])

    def rate(self, items: Sequence[Item], on_rating: OnRating | None = None) -> list[Rating]:
        """See Judge.rate. Raises InputError when the budget is spent or the endpoint fails."""
        from openai import OpenAIError

        affordable = items[: self._params.budget] if self._params.budget else items
        ratings: dict[int, Rating] = {}
        failure: Exception | None = None
        pool = ThreadPoolExecutor(self._params.concurrency)
        try:
            index_of: dict[Future[str], int] = {pool.submit(self._ask, item): i for i, item in enumerate(affordable)}
            with progress_bar(len(affordable), "rating", "judge") as bar:
                for future in as_completed(index_of):
                    if future.cancelled():
                        continue
                    try:
                        raw = future.result()
                    except (OpenAIError, _NoCompletion) as error:
                        failure = failure or error
                        for waiting in index_of:
                            waiting.cancel()
                        continue
                    index = index_of[future]
                    ratings[index] = Rating(parse_rating(raw, items[index].rubric), raw)
                    if on_rating:
                        on_rating(index, ratings[index])
                    bar.update(1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        if failure:
            raise InputError(f"the judge's endpoint {self._url} {self._told(failure)}; {_kept(len(ratings), len(items))}.")
        if len(affordable) < len(items):
            raise InputError(f"judge.budget of {self._params.budget} requests is spent; {_kept(len(ratings), len(items))}.")
        return [ratings[index] for index in range(len(items))]

    def _ask(self, item: Item) -> str:
        """The model's reply to one item; empty where it gave none."""
        try:
            completion = self._client.chat.completions.create(
                model=self._params.model,
                messages=[{"role": "user", "content": self._rubrics[item.rubric].fill(item)}],
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

    def _told(self, error: Exception) -> str:
        """What happened, as the rest of a sentence about the endpoint."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        if isinstance(error, APITimeoutError):
            return f"did not answer within judge.timeout_s of {self._params.timeout_s:g} s"
        if isinstance(error, APIConnectionError):
            cause = str(error.__cause__ or error).strip() or type(error.__cause__).__name__
            return f"can't be reached ({_one_line(cause)}), see judge.base_url"
        if isinstance(error, APIStatusError):
            if error.status_code in (401, 403):
                place = f"the key in {self._params.api_key_env}" if self._params.api_key_env else "judge.api_key_env"
                return f"refused the request ({error.status_code}), see {place}"
            told = error.body.get("message") if isinstance(error.body, dict) else None
            hint = ", see judge.model and judge.base_url" if error.status_code == 404 else ""
            return f"answered {error.status_code} ({_one_line(str(told or error.message))}){hint}"
        if isinstance(error, _NoCompletion):
            return "answered, but not with a chat completion, see judge.base_url (it ends with /v1 as a rule)"
        return f"failed ({_one_line(str(error))})"


def _client(params: JudgeParams, url: str) -> "OpenAI":
    """The official client. Raises InputError when it is not installed, or the key is not there."""
    try:
        from openai import OpenAI
    except ImportError:
        raise InputError("judge.judge is 'openai', but its client is not installed; pip install openai.") from None
    key = os.environ.get(params.api_key_env, "").strip() if params.api_key_env else "none"
    if not key.isascii():
        raise InputError(
            f"the environment variable {params.api_key_env} holds a key with letters that no key has; set it anew."
        )
    if not key:
        raise InputError(
            f"the environment variable {params.api_key_env} holds no API key for {url}; set it, name another one in "
            'judge.api_key_env, or write "" there for a server that needs none.'
        )
    return OpenAI(api_key=key, base_url=url, max_retries=params.retries, timeout=params.timeout_s)


def _kept(rated: int, items: int) -> str:
    return f"{rated} of the {items} missing ratings are there now, and a rerun goes on with the rest"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MESSAGE_LENGTH]
