"""vLLM and transformers give the same hidden states, log-probabilities and greedy answers, whatever prefixes are shared."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    GPT2Config,
    GPTNeoConfig,
    Lfm2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    PretrainedConfig,
)

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.engine import Engine, Prefill
from pipeline.engines.open import check_context, open_engine, open_prefill
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.engines.vllm_engine import CPU_BLOCK, VllmEngine, _room
from pipeline.model.folder import load_model
from pipeline.model.head import load_head
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize

TEXTS = ["Where was Orla Brennick born?", "She wrote a book about the tides and died in 1871.", "Zürich, 牛 and 🙂!"]
RUNTIME = RuntimeParams(device="cpu", cpu_kv_cache_gib=1)


@pytest.fixture(scope="module")
def sequences(tiny_model: Path) -> list[list[int]]:
    tokenizer = load_tokenizer(tiny_model)
    return [tokenize(tokenizer, question_prefix(tokenizer, text) + text)[0] for text in TEXTS]


@pytest.fixture(scope="module")
def engines(tiny_model: Path) -> tuple[VllmEngine, Engine]:
    return (
        VllmEngine(tiny_model, RUNTIME, longest=200),
        open_engine("transformers", tiny_model, RUNTIME, longest=200),
    )


@pytest.fixture(scope="module")
def readers(tiny_model: Path) -> tuple[Prefill, Prefill]:
    return (
        open_prefill("vllm", tiny_model, RUNTIME, longest=200),
        open_prefill("transformers", tiny_model, RUNTIME, longest=200),
    )


# A cached prefix is shared by whole blocks of 32 tokens, so this one is over three blocks and a bit.
SHARED = [int(token) for token in np.random.default_rng(0).integers(3, 300, 101)]
ENDS = [[int(token) for token in np.random.default_rng(n).integers(3, 300, 20 + 9 * n)] for n in range(1, 6)]
ALIKE = [SHARED + end for end in ENDS]
# name: (sequences, first rows)
SHARING = {
    "from row 0": (ALIKE, [0] * len(ALIKE)),
    "inside the shared part": (ALIKE, [0, 17, 31, 32, 70]),
    "at its end": (ALIKE, [100] * len(ALIKE)),
    "after it": (ALIKE, [105, 101, 104, 110, 140]),
    "the same twice": ([ALIKE[0], ALIKE[1], ALIKE[0], ALIKE[1]], [100, 100, 100, 128]),
    "the same twice from row 0": ([ALIKE[2], ALIKE[2]], [0, 0]),
    "the same five times, each from another row": ([ALIKE[3]] * 5, [0, 31, 33, 96, 130]),
    "one is the beginning of another": ([ALIKE[4][:96], ALIKE[4], ALIKE[4][:128]], [95, 60, 127]),
    "whole blocks twice": ([ALIKE[4][:128], ALIKE[4][:128]], [127, 127]),
    "nothing shared": (ENDS, [0, 3, 5, 7, 9]),
    "longer than a step": ([ALIKE[n % 5] for n in range(40)], [100 + n % 5 for n in range(40)]),
}
CASES = pytest.mark.parametrize("case", SHARING)


@CASES
def test_hidden_states_agree(readers: tuple[Prefill, Prefill], case: str) -> None:
    sequences, first_rows = SHARING[case]
    for a, b, ids, first in zip(
        *(one.hidden_states(sequences, first_rows) for one in readers), sequences, first_rows, strict=True
    ):
        assert a.shape == b.shape == (len(ids) - first, 128)
        assert a.dtype == b.dtype == torch.float32
        torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


@CASES
@pytest.mark.parametrize("index", [0, 1], ids=["vllm", "transformers"])
def test_hidden_states_are_those_of_the_model(
    readers: tuple[Prefill, Prefill], tiny_model: Path, case: str, index: int
) -> None:
    """Each sequence by itself through transformers' own model, then its head."""
    network, head = load_model(tiny_model, "cpu"), load_head(tiny_model, "cpu")
    sequences, first_rows = SHARING[case]
    read = readers[index].hidden_states(sequences[:6], first_rows[:6])
    for states, ids, first in zip(read, sequences, first_rows, strict=False):
        with torch.no_grad():
            logits = network(torch.tensor([ids])).logits[0, first:]
        torch.testing.assert_close(head.logits(states), logits, atol=2e-3, rtol=0)


def test_vllm_gives_the_same_bits_whatever_was_read_before(readers: tuple[Prefill, Prefill]) -> None:
    """A cache that other calls have filled would cut this one into other steps."""
    reader = readers[0]
    for sequences, first_rows in (SHARING["after it"], SHARING["the same twice"], SHARING["longer than a step"]):
        first = reader.hidden_states(sequences, first_rows)
        for before in ("from row 0", "one is the beginning of another", "longer than a step"):
            reader.hidden_states(*SHARING[before])
            again = reader.hidden_states(sequences, first_rows)
            assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize("longest", [200, 5_000, 20_000, 2**18])
def test_cache_holds_every_sequence_in_flight_and_keeps_to_its_limit(tiny_model: Path, longest: int) -> None:
    """A seeded answer that had to give way would be begun anew, which vLLM on CPU can't do with its generator."""
    config = LlamaConfig.from_pretrained(tiny_model)
    block = 2 * 4 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * CPU_BLOCK
    of_one = -(-(longest + 1) // CPU_BLOCK)
    room = _room(tiny_model, RUNTIME, longest, RUNTIME.max_num_seqs * of_one * CPU_BLOCK)
    assert room["kv_cache_memory_bytes"] <= 2**30
    assert room["kv_cache_memory_bytes"] // block - 1 >= room["max_num_seqs"] * of_one
    fitting = (2**30 // block - 1) // of_one
    assert room["max_num_seqs"] == min(RUNTIME.max_num_seqs, fitting)
    assert fitting >= 1


def test_cache_that_holds_not_one_sequence_is_an_error(tiny_model: Path) -> None:
    with pytest.raises(InputError, match=r"runtime\.cpu_kv_cache_gib is 1, but a text of 67108865 tokens takes .* GiB"):
        _room(tiny_model, RUNTIME, 2**26, 1)


def test_vllm_computes_a_shared_prefix_once(readers: tuple[Prefill, Prefill], monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a prompt would be read for each document and each name."""
    reader: Any = readers[0]
    cached, ask = list[int](), reader._encode

    def counting(sequences: Any, **settings: Any) -> Any:
        outputs = ask(sequences, **settings)
        cached.extend(output.num_cached_tokens or 0 for output in outputs)
        return outputs

    monkeypatch.setattr(reader, "_encode", counting)
    reader.hidden_states(*SHARING["after it"])
    assert len(cached) == len(ALIKE), "none is read twice"
    assert sorted(cached)[1:] == [96] * (len(ALIKE) - 1), "three whole blocks"
    cached.clear()
    reader.hidden_states(*SHARING["from row 0"])
    assert len(cached) == 2 * len(ALIKE) - 1, "rows that the hit hid are computed without it"


STARTS = {
    "from the second token": (ALIKE, [1] * len(ALIKE)),
    "inside the shared part": (ALIKE, [1, 17, 32, 33, 70]),
    "after it": (ALIKE, [101, 102, 105, 110, 140]),
    "the same twice": ([ALIKE[0], ALIKE[1], ALIKE[0], ALIKE[1]], [101, 101, 101, 129]),
    "the last token alone": ([ALIKE[4][:97], ALIKE[4][:97], ALIKE[4][:129]], [96, 96, 128]),
    "nothing shared": (ENDS, [1, 3, 5, 7, 9]),
}


def test_an_answer_without_a_token_has_no_logprob(engines: tuple[Engine, Engine]) -> None:
    for engine in engines:
        assert [len(logprobs) for logprobs in engine.next_logprobs(ALIKE[:2], [len(ids) for ids in ALIKE[:2]])] == [0, 0]
        assert [len(logprobs) for logprobs in engine.next_logprobs(ENDS[:2], [len(ENDS[0]), 3])] == [0, len(ENDS[1]) - 3]


@pytest.mark.parametrize("case", STARTS)
def test_next_logprobs_agree(engines: tuple[VllmEngine, Engine], tiny_model: Path, case: str) -> None:
    network = load_model(tiny_model, "cpu")
    sequences, starts = STARTS[case]
    for _ in range(2):  # the second time from the cache
        by_vllm = engines[0].prompt_logprobs(sequences, starts)
        by_each = [engine.next_logprobs(sequences, starts) for engine in engines]
        for a, b, c, ids, start in zip(by_vllm, *by_each, sequences, starts, strict=True):
            assert a.shape == b.shape == c.shape == (len(ids) - start,)
            assert a.dtype == b.dtype == c.dtype == np.float32
            with torch.no_grad():
                logprobs = network(torch.tensor([ids])).logits[0, start - 1 : -1].log_softmax(-1)
            own = logprobs.gather(1, torch.tensor(ids[start:])[:, None])[:, 0].numpy()
            np.testing.assert_allclose(a, own, atol=1e-3)
            np.testing.assert_allclose(b, own, atol=1e-3)
            np.testing.assert_allclose(c, own, atol=1e-3)


def test_next_logprobs_of_texts_agree(engines: tuple[Engine, Engine], sequences: list[list[int]]) -> None:
    for a, b in zip(*(engine.next_logprobs(sequences, [1] * len(sequences)) for engine in engines), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


SMALL = {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 32}
# architecture: its config, and in how many rows the five that begin alike are read
ARCHITECTURES: dict[str, tuple[PretrainedConfig, int]] = {
    "rotary": (LlamaConfig(**SMALL, num_attention_heads=4), 1),
    "positions learnt": (GPT2Config(vocab_size=300, n_embd=32, n_layer=2, n_head=4, n_positions=600), 1),
    "a window": (MistralConfig(**SMALL, num_attention_heads=4, num_key_value_heads=4, sliding_window=64), len(ALIKE)),
    "ALiBi": (BloomConfig(vocab_size=300, hidden_size=32, n_layer=2, n_head=4), len(ALIKE)),
    "windows along the row": (
        GPTNeoConfig(
            vocab_size=300,
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            attention_types=[[["global", "local"], 1]],
            window_size=64,
        ),
        len(ALIKE),
    ),
    "no attention": (MambaConfig(**SMALL, state_size=4), len(ALIKE)),
    "convolutions": (
        Lfm2Config(**SMALL, num_attention_heads=4, num_key_value_heads=4, layer_types=["conv", "full_attention"]),
        len(ALIKE),
    ),
}


@pytest.mark.parametrize("trained", [False, True], ids=["small weights", "large weights"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_transformers_reads_in_one_row_what_begins_alike_where_the_architecture_can(
    tmp_path: Path, name: str, trained: bool
) -> None:
    config, rows = ARCHITECTURES[name]
    torch.manual_seed(0)
    network: Any = AutoModelForCausalLM.from_config(config).eval()
    for weight in network.parameters() if trained else ():
        torch.nn.init.normal_(weight, std=0.3) if weight.ndim > 1 else None
    read = list[Any]()
    network.register_forward_pre_hook(lambda *inputs: read.append(inputs))
    engine = TransformersEngine(tmp_path, RUNTIME, network)
    engine.next_logprobs([[1, 2]], [1])  # looks at the architecture
    read.clear()
    scores = engine.next_logprobs(ALIKE, [101] * len(ALIKE))
    assert len(read) == rows
    for ids, found in zip(ALIKE, scores, strict=True):
        with torch.no_grad():
            logprobs = network(torch.tensor([ids])).logits[0, 100:-1].log_softmax(-1)
        np.testing.assert_allclose(found, logprobs.gather(1, torch.tensor(ids[101:])[:, None])[:, 0], atol=1e-4)


@pytest.mark.parametrize("index", [0, 1], ids=["vllm", "transformers"])
def test_nothing_asked_is_nothing_given(engines: tuple[Engine, Engine], index: int) -> None:
    assert engines[index].next_logprobs([], []) == []
    assert engines[index].generate([], 4) == []


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
    engine = open_engine("transformers", folder, RUNTIME, longest=200)
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


@pytest.mark.parametrize("opening", [open_engine, open_prefill])
def test_sequence_beyond_the_context_is_told(tiny_model: Path, opening: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="does not fit the context"):
        opening("transformers", tiny_model, RUNTIME, longest=10**6)
    with pytest.raises(InputError, match=r"a text of 512 tokens.*\(512 tokens"):
        check_context(tiny_model, 512)
    check_context(tiny_model, 511)
