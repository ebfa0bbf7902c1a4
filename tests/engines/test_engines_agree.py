"""vLLM and transformers give the same log-probabilities and the same greedy answers."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.engine import Engine
from pipeline.engines.open import open_engine
from pipeline.engines.vllm_engine import VllmEngine
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize

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


@pytest.mark.parametrize("index", [0, 1], ids=["vllm", "transformers"])
def test_sampled_answers_follow_their_seed(engines: tuple[Engine, Engine], sequences: list[list[int]], index: int) -> None:
    def sampled(seed: int) -> list[list[list[int]]]:
        return engines[index].sample(sequences, 12, answers=3, temperature=1.0, seed=seed)

    first = sampled(7)
    assert [len(answers) for answers in first] == [3] * len(sequences)
    assert all(len(answer) <= 12 for answers in first for answer in answers)
    assert len({tuple(answer) for answers in first for answer in answers}) > len(sequences)
    assert sampled(7) == first
    assert sampled(1007) != first


@pytest.mark.parametrize("index", [0, 1], ids=["vllm", "transformers"])
def test_sampling_leaves_greedy_answers_as_they_are(
    engines: tuple[Engine, Engine], sequences: list[list[int]], index: int
) -> None:
    before = engines[index].generate(sequences, 6)
    engines[index].sample(sequences, 6, answers=2, temperature=1.0, seed=0)
    assert engines[index].generate(sequences, 6) == before


def test_models_own_generation_habits_are_left_aside(
    engines: tuple[Engine, Engine], sequences: list[list[int]], tiny_model: Path, tmp_path: Path
) -> None:
    """A repetition penalty that a model comes with changes nothing: answers are the model's own distribution."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "habits"))
    path = folder / "generation_config.json"
    habits = {"repetition_penalty": 3.0, "top_k": 1, "no_repeat_ngram_size": 1, "min_new_tokens": 5}
    path.write_text(json.dumps({**json.loads(path.read_text()), **habits}))
    engine = open_engine("transformers", folder, RUNTIME, longest=200, top_k=1)
    assert engine.generate(sequences, 8) == engines[1].generate(sequences, 8)
    settings: dict[str, Any] = {"answers": 2, "temperature": 1.0, "seed": 3}
    assert engine.sample(sequences, 8, **settings) == engines[1].sample(sequences, 8, **settings)


def test_vllm_is_given_prompts_that_it_reads_in_one_step() -> None:
    engine = object.__new__(VllmEngine)
    engine._max_tokens, engine._max_seqs = 10, 3
    prompts = [[0] * length for length in (4, 6, 1, 10, 2, 2, 2, 2, 12)]
    assert list(engine._whole_prefills(prompts)) == [
        range(0, 2),
        range(2, 3),
        range(3, 4),
        range(4, 7),
        range(7, 8),
        range(8, 9),
    ]
    assert list(engine._whole_prefills([])) == []


def test_limits_are_told(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="whole vocabulary"):
        open_engine("transformers", tiny_model, RUNTIME, longest=10, top_k=10**6)
    with pytest.raises(InputError, match="does not fit the context"):
        open_engine("transformers", tiny_model, RUNTIME, longest=10**6, top_k=1)
