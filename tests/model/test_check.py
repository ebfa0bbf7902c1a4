"""A model is brought whole or not at all: what transformers would only warn of is refused, and the old one stays."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma2Config, Gemma2ForCausalLM

from pipeline.core.errors import InputError
from pipeline.model.folder import load_model
from tests.project import make_project, set_params, stage

WEIGHT = "model.layers.1.mlp.up_proj.weight"
Weights = dict[str, torch.Tensor]


def weights(change: Callable[[Weights], Weights]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "model.safetensors"
        save_file(change(load_file(path)), path, metadata={"format": "pt"})

    return spoil


def config(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "config.json", **changes)


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def template(text: str) -> Callable[[Path], None]:
    return written("chat_template.jinja", text)


def written(name: str, text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text(text)

    return spoil


def with_nan(weight: torch.Tensor) -> torch.Tensor:
    spoilt = weight.clone()
    spoilt[0, 0] = torch.nan
    return spoilt


def capped(folder: Path) -> None:
    """A model of an architecture that caps its logits, with the tokenizer that lies there."""
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 8}
    Gemma2ForCausalLM(Gemma2Config(vocab_size=900, num_key_value_heads=2, **sizes)).save_pretrained(folder)


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "a weight missing": (weights(lambda w: {k: v for k, v in w.items() if k != WEIGHT}), f"lack {WEIGHT}"),
    "a layer missing": (weights(lambda w: {k: v for k, v in w.items() if ".1." not in k}), "and 6 more"),
    "embeddings missing": (weights(lambda w: {k: v for k, v in w.items() if "embed" not in k}), "model.embed_tokens.weight"),
    "a weight too many": (weights(lambda w: {**w, "model.layers.9.x": torch.ones(2)}), "no place for: model.layers.9.x"),
    "another shape": (
        weights(lambda w: {**w, WEIGHT: torch.ones(3, 4)}),
        f"another shape than config.json for {WEIGHT}",
    ),
    "not a number": (weights(lambda w: {**w, WEIGHT: with_nan(w[WEIGHT])}), f"{WEIGHT} holds NaN"),
    "infinite": (weights(lambda w: {**w, WEIGHT: w[WEIGHT] / 0}), f"{WEIGHT} holds NaN or infinite"),
    "truncated": (truncated, "model.safetensors can't be read"),
    "fewer layers in the config": (config(num_hidden_layers=1), "no place for"),
    "more layers in the config": (config(num_hidden_layers=3), "lack model.layers.2."),
    "another architecture's name": (config(architectures=["Qwen2ForCausalLM"]), "names the architecture Qwen2ForCausalLM"),
    "another architecture": (config(model_type="qwen2", architectures=["Qwen2ForCausalLM"]), "lack model.layers.0.self_attn"),
    "an unknown architecture": (config(model_type="nothing"), "config.json describes no model"),
    "a small vocabulary": (config(vocab_size=100), "another shape"),
    "capped logits": (capped, "final_logit_softcapping caps or scales the logits"),
    "a template that divides by zero": (template("{{ 1 / 0 }}"), "refuses a chat (division by zero)"),
    "a template that raises": (template("{{ raise_exception('no chats here') }}"), "no chats here"),
    "a template that is none": (template("{% for %}"), "refuses a chat"),
    "a broken tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text("{}") and None,
        "no tokenizer could be loaded",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_would_change_results_in_silence_is_refused(tmp_path: Path, tiny_model: Path, what: str) -> None:
    spoil, words = SPOILT[what]
    project = make_project(tmp_path, tiny_model)
    source = Path(shutil.copytree(tiny_model, tmp_path / "mine"))
    (project / "models/base").mkdir(parents=True)
    (project / "models/base/config.json").write_text("the old one")
    spoil(source)
    set_params(project, {"model.source": str(source)})
    told = stage(project, "base", check=False)
    assert told.exit_code == 2, told.output
    message = told.output.strip().splitlines()[-1]
    assert message.startswith("Error: ") and words in message, message
    assert [path.read_text() for path in (project / "models/base").iterdir()] == ["the old one"]
    assert [path.name for path in (project / "models").iterdir()] == ["base"]


def test_tokenizer_with_more_tokens_than_the_model(tmp_path: Path, tiny_model: Path) -> None:
    project = make_project(tmp_path, tiny_model)
    source = Path(shutil.copytree(tiny_model, tmp_path / "mine"))
    path = source / "model.safetensors"
    table = "model.embed_tokens.weight"
    tensors = load_file(path)
    tokens = len(tensors[table])
    save_file({**tensors, table: tensors[table][:-5].clone()}, path, metadata={"format": "pt"})
    edit(source / "config.json", vocab_size=tokens - 5)
    set_params(project, {"model.source": str(source)})
    told = stage(project, "base", check=False)
    assert told.exit_code == 2 and f"has {tokens - 5} tokens, the tokenizer {tokens}" in told.output


def test_every_load_refuses_what_the_files_lack(tmp_path: Path, tiny_model: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "student"))
    load_model(model, "cpu")
    SPOILT["a weight missing"][0](model)
    with pytest.raises(InputError, match=f"student: the safetensors lack {WEIGHT}"):
        load_model(model, "cpu")
