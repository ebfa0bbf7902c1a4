"""The head alone gives the logits of the whole model, however the model is saved."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTJConfig,
    GPTJForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    PreTrainedModel,
)

from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.model.head import Head, applies_plain_head, load_head, logit_change

IDS = [3, 1, 4, 15, 9, 26, 5, 35, 8]
SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
SMALL = {"vocab_size": 40, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, "bos_token_id": 0, "eos_token_id": 1}


def build(name: str) -> PreTrainedModel:
    """A model of one layer with random weights."""
    torch.manual_seed(0)
    model: PreTrainedModel = {
        "tied": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True)),
        "untied": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=False)),
        "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**SMALL)),
        "phi, with a bias": lambda: PhiForCausalLM(PhiConfig(**{k: v for k, v in SIZES.items() if k != "head_dim"})),
        "gptj, with a bias": lambda: GPTJForCausalLM(GPTJConfig(**SMALL, rotary_dim=4)),
    }[name]()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, 0.0, 0.5)
    return model.eval()


MODELS = ["tied", "untied", "gpt2", "phi, with a bias", "gptj, with a bias"]


def check(folder: Path, model: PreTrainedModel) -> Head:
    """The head of ``folder`` on the model's last hidden states gives its logits."""
    head = load_head(folder, "cpu")
    with torch.no_grad():
        wanted = model(torch.tensor([IDS])).logits[0]
    (hidden_TD,) = TransformersEngine(folder, RuntimeParams(device="cpu"), model).hidden_states([IDS], [0])
    assert head.weight_VD.dtype == torch.float32
    assert head.vocabulary == wanted.shape[1] == 40
    torch.testing.assert_close(head.logits(hidden_TD), wanted, atol=1e-5, rtol=1e-5)
    return head


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_the_model(tmp_path: Path, name: str) -> None:
    model = build(name)
    model.save_pretrained(tmp_path)
    head = check(tmp_path, model)
    assert (head.bias_V is not None) == ("bias" in name)


@pytest.mark.parametrize("name", MODELS)
def test_model_in_several_files(tmp_path: Path, name: str) -> None:
    model = build(name)
    model.save_pretrained(tmp_path, max_shard_size="3KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    check(tmp_path, model)


def test_head_is_float32_on_a_cpu_however_it_is_saved(tmp_path: Path) -> None:
    model = build("untied").to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    head = load_head(tmp_path, "cpu")
    torch.testing.assert_close(head.weight_VD, model.lm_head.weight.detach().float(), rtol=0, atol=0)
    assert not head.weight_VD.requires_grad


def test_weights_under_names_that_only_loading_knows(tmp_path: Path) -> None:
    """A checkpoint of the body alone, as older ones are saved."""
    model = build("gpt2")
    model.transformer.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "architectures": ["GPT2LMHeadModel"]}))
    check(tmp_path, model)


@pytest.mark.parametrize(
    ("key", "model"),
    [
        ("final_logit_softcapping", lambda: Gemma2ForCausalLM(Gemma2Config(**SIZES, final_logit_softcapping=0.1))),
        ("logit_scale", lambda: CohereForCausalLM(CohereConfig(**SIZES, logit_scale=0.0625))),
        ("logits_scaling", lambda: GraniteForCausalLM(GraniteConfig(**SIZES, logits_scaling=8.0))),
        ("", lambda: Gemma2ForCausalLM(Gemma2Config(**SIZES, final_logit_softcapping=None))),
        ("", lambda: GraniteForCausalLM(GraniteConfig(**SIZES, logits_scaling=1.0))),
        *(("", lambda name=name: build(name)) for name in MODELS),
    ],
)
def test_change_of_the_logits_is_found_by_key_and_by_number(key: str, model: Any) -> None:
    built = model().eval()
    assert logit_change(built.config) == key
    assert applies_plain_head(built) == (not key)


@pytest.mark.parametrize(
    "model",
    [
        lambda: Gemma2ForCausalLM(Gemma2Config(**SIZES, final_logit_softcapping=None)),
        lambda: GraniteForCausalLM(GraniteConfig(**SIZES, logits_scaling=1.0)),
    ],
)
def test_same_architecture_without_it_is_taken(tmp_path: Path, model: Any) -> None:
    built = model().eval()
    built.save_pretrained(tmp_path)
    check(tmp_path, built)


def test_logits_are_float32_and_affine() -> None:
    head = Head(torch.eye(3)[:, :2], torch.tensor([0.0, 1.0, 2.0]))
    logits = head.logits(torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16))
    assert logits.dtype == torch.float32
    assert logits.tolist() == [[1.0, 3.0, 2.0]]
    assert head.vocabulary == 3
