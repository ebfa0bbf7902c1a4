"""Scores of given answers, and moments over the vocabulary at their tokens, from a model folder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from pipeline.finetune.answers import ended_answer
from pipeline.params import RuntimeParams
from pipeline.tofu.scoring import score_answers
from pipeline.tokenizer import load_tokenizer

PAIRS = [("Who?", "A mill and a bridge."), ("Where?", "Rain."), ("Who?", "Rain.")]


def test_of_each_answer(tiny_model: Path) -> None:
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
        moments = scores[pair].moments
        assert (moments is not None) == (pair == PAIRS[0])
        if moments:
            mean = (np.exp(logprobs) * logprobs).sum(-1)[:-1]
            deviation = np.sqrt((np.exp(logprobs) * logprobs**2).sum(-1)[:-1] - mean**2)
            assert moments.mean_T == pytest.approx(mean, rel=1e-4)
            assert moments.std_T == pytest.approx(deviation, rel=1e-4)


def test_of_nothing_is_nothing(tmp_path: Path) -> None:
    assert score_answers(tmp_path, {}, set(), RuntimeParams(device="cpu")) == {}
