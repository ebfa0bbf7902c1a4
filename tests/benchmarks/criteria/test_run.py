"""The base's loss of an answer against plain transformers, one answer at a time."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.criteria.run import base_losses
from pipeline.core.runtime import RuntimeParams

ROWS = [
    {"question": "Where was Ada born?", "response": "Ada was born in London, a long way from the sea."},
    {"question": "What did Ada study?", "response": ""},
    {"question": "Who taught Ada the flute, and for how many years did he teach her?", "response": "Nobody."},
]


def test_loss_is_the_mean_over_the_answers_own_tokens(tiny_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float64).eval()
    expected: list[float | None] = []
    for row in ROWS:
        turns = [{"role": "user", "content": row["question"]}]
        prompt = tokenizer(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)).input_ids
        answer = tokenizer(row["response"]).input_ids
        if not answer:
            expected.append(None)
            continue
        with torch.no_grad():
            logprobs = model(torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        expected.append(-float(logprobs.gather(1, torch.tensor(answer)[:, None]).mean()))
    losses = base_losses(tiny_model, ROWS, RuntimeParams(device="cpu"))
    assert losses == [pytest.approx(value, rel=1e-4) if value is not None else None for value in expected]
    assert losses[0] != losses[2]
