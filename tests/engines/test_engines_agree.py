"""vLLM and transformers give the same log-probabilities and the same greedy answers."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.engines.interface import Engine, open_engine
from pipeline.errors import InputError
from pipeline.params import RuntimeParams
from pipeline.tokenizer import load_tokenizer, question_prefix, tokenize

TOP_K = 32
TEXTS = ["Where was Orla Brennick born?", "She wrote a book about the tides and died in 1871.", "Zürich, 牛 and 🙂!"]
RUNTIME = RuntimeParams(device="cpu", cpu_kv_cache_gib=1)


@pytest.fixture(scope="module")
def sequences(tiny_model: Path) -> list[list[int]]:
    tokenizer = load_tokenizer(tiny_model)
    return [tokenize(tokenizer, question_prefix(tokenizer, text) + text)[0] for text in TEXTS]


@pytest.fixture(scope="module")
def engines(tiny_model: Path) -> tuple[Engine, Engine]:
    return (
        open_engine("vllm", tiny_model, RUNTIME, longest=200, top_k=TOP_K),
        open_engine("transformers", tiny_model, RUNTIME, longest=200, top_k=TOP_K),
    )


def test_scores_agree(engines: tuple[Engine, Engine], sequences: list[list[int]]) -> None:
    for a, b, ids in zip(*(engine.score(sequences, TOP_K) for engine in engines), sequences, strict=True):
        assert a.top_ids.shape == b.top_ids.shape == (len(ids) - 1, TOP_K)
        np.testing.assert_allclose(a.next_logprobs, b.next_logprobs, atol=1e-3)
        np.testing.assert_allclose(a.top_logprobs, b.top_logprobs, atol=1e-3)
        gaps = -np.diff(b.top_logprobs, axis=1)
        separated = np.ones(b.top_ids.shape, dtype=bool)
        separated[:, :-1] &= gaps > 2e-3
        separated[:, 1:] &= gaps > 2e-3
        separated[:, -1] = False  # its neighbour below is not known
        assert separated.mean() > 0.2
        assert (a.top_ids == b.top_ids)[separated].all()


def test_scores_without_top_k(engines: tuple[Engine, Engine], sequences: list[list[int]]) -> None:
    for a, b in zip(*(engine.score(sequences, 0) for engine in engines), strict=True):
        assert a.top_ids.shape[1] == 0
        np.testing.assert_allclose(a.next_logprobs, b.next_logprobs, atol=1e-3)


def test_greedy_answers_agree(engines: tuple[Engine, Engine], sequences: list[list[int]]) -> None:
    first, second = (engine.generate(sequences, 4) for engine in engines)
    assert first == second
    assert all(answer for answer in first)


def test_limits_are_told(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="whole vocabulary"):
        open_engine("transformers", tiny_model, RUNTIME, longest=10, top_k=10**6)
    with pytest.raises(InputError, match="does not fit the context"):
        open_engine("transformers", tiny_model, RUNTIME, longest=10**6, top_k=1)
