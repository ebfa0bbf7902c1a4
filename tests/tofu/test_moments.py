"""Moments over the vocabulary at an answer's tokens, from a model folder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from pipeline.finetune.answers import ended_answer
from pipeline.params import RuntimeParams
from pipeline.tofu.moments import answer_moments
from pipeline.tokenizer import load_tokenizer


def test_of_each_token_but_the_end(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    answers = [ended_answer(tokenizer, "Who?", text) for text in ("A mill and a bridge.", "Rain.")]
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float64).eval()
    for answer, moments in zip(answers, answer_moments(tiny_model, answers, RuntimeParams(device="cpu")), strict=True):
        with torch.no_grad():
            logprobs = model(torch.tensor([answer.input_ids])).logits[0].log_softmax(-1).numpy()
        for place, token in enumerate(answer.input_ids[answer.start : -1]):
            row = logprobs[answer.start - 1 + place]
            mean = (np.exp(row) * row).sum()
            assert moments.logprobs_T[place] == pytest.approx(row[token], rel=1e-4)
            assert moments.mean_T[place] == pytest.approx(mean, rel=1e-4)
            assert moments.std_T[place] == pytest.approx(np.sqrt((np.exp(row) * (row - mean) ** 2).sum()), rel=1e-4)
        assert len(moments.logprobs_T) == len(moments.mean_T) == len(moments.std_T) == answer.learnt - 1


def test_of_nothing_is_nothing(tmp_path: Path) -> None:
    assert answer_moments(tmp_path, [], RuntimeParams(device="cpu")) == []
