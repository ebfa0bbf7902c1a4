"""Scores of given answers, each as when it is read alone, and moments over the vocabulary at their tokens."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Lfm2Config,
    Lfm2ForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from benchmarks.methods.example import ended_answer
from benchmarks.tofu.scoring import answer_logprobs, score_answers
from pipeline.core.runtime import RuntimeParams
from pipeline.model.folder import load_model
from pipeline.text.tokenizer import load_tokenizer

PAIRS = [("Who?", "A mill and a bridge."), ("Where?", "Rain."), ("Who?", "Rain.")]
QUESTIONS = ([5, 9, 17, 4, 30, 8], [5, 9, 2])
ANSWERS = ([7], [11, 3, 9, 9], [1, 2, 3], [40, 41, 42, 43, 44, 45, 46])
ASKED = [(question + answer, len(question)) for answer in ANSWERS for question in QUESTIONS]
SIZES: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def window() -> Any:
    """Attention to the last four tokens alone."""
    torch.manual_seed(0)
    return MistralForCausalLM(MistralConfig(**SIZES, num_hidden_layers=2, sliding_window=4)).eval()


def convolutions() -> Any:
    """Half of its layers are convolutions."""
    torch.manual_seed(0)
    return Lfm2ForCausalLM(Lfm2Config(**SIZES, num_hidden_layers=2, layer_types=["conv", "full_attention"])).eval()


def recurrent() -> Any:
    """No keys and values at all."""
    torch.manual_seed(0)
    return MambaForCausalLM(MambaConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, state_size=4)).eval()


def forwards(model: Any) -> list[int]:
    """Filled with how many tokens each forward pass of ``model`` reads."""
    read: list[int] = []
    model.register_forward_pre_hook(lambda _, __, given: read.append(given["input_ids"].numel()), with_kwargs=True)
    return read


def check(model: Any, max_tokens: int) -> None:
    logprobs = dict(answer_logprobs(model, ASKED, max_tokens))
    assert sorted(logprobs) == list(range(len(ASKED)))
    for index, (ids, start) in enumerate(ASKED):
        with torch.no_grad():
            alone = model(input_ids=torch.tensor([ids])).logits[0, start - 1 : -1].log_softmax(-1)
        torch.testing.assert_close(logprobs[index], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("max_tokens", [1, 8, 1000])
def test_as_when_read_alone(tiny_model: Path, max_tokens: int) -> None:
    check(load_model(tiny_model, "cpu"), max_tokens)


@pytest.mark.parametrize("make", [window, convolutions, recurrent])
def test_as_when_read_alone_without_full_attention(make: Any) -> None:
    check(make(), 1000)


def test_a_question_is_read_once_and_its_opening_once_for_all(tiny_model: Path) -> None:
    model = load_model(tiny_model, "cpu")
    read = forwards(model)
    list(answer_logprobs(model, ASKED, 1000))
    answers = len(ANSWERS) * max(map(len, ANSWERS))
    assert read == [2, *(length for question in QUESTIONS for length in (len(question) - 2, answers))]


def test_what_has_no_keys_and_values_is_read_anew() -> None:
    model = recurrent()
    read = forwards(model)
    list(answer_logprobs(model, ASKED, 1000))
    answers = len(ANSWERS) * max(map(len, ANSWERS))
    assert read[:3] == [2, len(QUESTIONS[0]), len(ANSWERS) * len(QUESTIONS[0]) + answers]


def test_scores_of_each_answer(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    answers = {pair: ended_answer(tokenizer, *pair) for pair in PAIRS}
    scores = score_answers(tiny_model, answers, {PAIRS[0]}, RuntimeParams(device="cpu"))
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float64).eval()
    for pair, answer in answers.items():
        with torch.no_grad():
            logprobs = model(torch.tensor([answer.input_ids])).logits[0, answer.start - 1 : -1].log_softmax(-1).numpy()
        own = logprobs[range(answer.learnt), answer.input_ids[answer.start :]]
        assert scores[pair].logprobs == pytest.approx(own, rel=1e-4)
        assert scores[pair].loss == pytest.approx(-own.mean(), rel=1e-4)
        assert scores[pair].correct_T.tolist() == (logprobs[:-1].argmax(-1) == answer.input_ids[answer.start : -1]).tolist()
        moments = scores[pair].moments_T
        assert (moments is not None) == (pair == PAIRS[0])
        if moments:
            mean = (np.exp(logprobs) * logprobs).sum(-1)[:-1]
            deviation = np.sqrt((np.exp(logprobs) * logprobs**2).sum(-1)[:-1] - mean**2)
            assert moments[0] == pytest.approx(mean, rel=1e-4)
            assert moments[1] == pytest.approx(deviation, rel=1e-4)
