"""Bad inputs in model folders: weights, config, tokenizer and chat template, as a user may bring them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.doors.files import cut, dangling, made_folder, removed, written
from benchmarks.doors.inputs import Case, Spoil
from benchmarks.doors.project import SOURCE, TEMPLATE

WEIGHTS, CONFIG, TOKENIZER, TURNS = "model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"
_LAYER = "model.layers.1.mlp.down_proj.weight"


def _weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Spoil:
    """Load the weights, let ``change`` spoil them, save them."""

    def spoil(folder: Path) -> None:
        path = folder / SOURCE / WEIGHTS
        weights = load_file(path)
        change(weights)
        save_file({name: weight.clone().contiguous() for name, weight in weights.items()}, path, {"format": "pt"})

    return spoil


def _json(path_in_project: str, **changes: Any) -> Spoil:
    """A JSON object with other values."""

    def spoil(folder: Path) -> None:
        path = folder / path_in_project
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")

    return spoil


def _set(name: str, value: Callable[[torch.Tensor], torch.Tensor]) -> Spoil:
    """The tensor ``name`` as ``value`` makes it."""
    return _weights(lambda weights: weights.update({name: value(weights[name])}))


def weights() -> Iterator[Case]:
    """Weights that are not those of the config, or none."""

    def with_nan(weight: torch.Tensor) -> torch.Tensor:
        weight[0, 0] = torch.nan
        return weight

    table = "model.embed_tokens.weight"
    index = json.dumps({"metadata": {}, "weight_map": {_LAYER: "model-00002-of-00002.safetensors"}}).encode()
    for what, spoil, words in (
        ("a tensor is missing", _weights(lambda w: w.pop(_LAYER)), (_LAYER,)),
        ("a layer is missing", _weights(lambda w: [w.pop(n) for n in list(w) if ".layers.1." in n]), ("layers.1",)),
        ("the embedding is missing", _weights(lambda w: w.pop(table)), ("embed_tokens",)),
        ("the last norm is missing", _weights(lambda w: w.pop("model.norm.weight")), ("model.norm.weight",)),
        ("a tensor too many", _weights(lambda w: w.update(extra=torch.zeros(2))), ("extra",)),
        ("a layer too many", _weights(lambda w: w.update({_LAYER.replace(".1.", ".2."): w[_LAYER]})), ("layers.2",)),
        (
            "a bias that the architecture lacks",
            _weights(lambda w: w.update({_LAYER.replace("weight", "bias"): torch.ones(64)})),
            ("bias",),
        ),
        ("a NaN", _set(_LAYER, with_nan), (_LAYER,)),
        ("an infinity", _set("model.norm.weight", lambda w: w * torch.inf), ("model.norm.weight",)),
        ("a NaN in the embedding", _set(table, with_nan), (table,)),
        ("a transposed tensor", _set(_LAYER, lambda w: w.T), (_LAYER,)),
        ("a flat tensor", _set(_LAYER, lambda w: w.flatten()), (_LAYER,)),
        ("a narrow embedding", _set(table, lambda w: w[:, :32]), (table,)),
        ("an embedding of fewer tokens", _set(table, lambda w: w[:200]), (table,)),
        ("an empty tensor", _set(_LAYER, lambda w: w[:0]), (_LAYER,)),
        ("whole numbers", _set(_LAYER, lambda w: (w * 100).to(torch.int8)), (_LAYER,)),
        ("no tensor at all", _weights(lambda w: w.clear()), (WEIGHTS,)),
        (
            "tensors of another model",
            _weights(lambda w: [w.update({n.replace("model.", "gpt."): w.pop(n)}) for n in list(w)]),
            ("layers",),
        ),
        ("a third of the file", cut(f"{SOURCE}/{WEIGHTS}", 0.3), (WEIGHTS,)),
        ("all but a byte", cut(f"{SOURCE}/{WEIGHTS}", 0.999999), (WEIGHTS,)),
        ("an empty file", written(f"{SOURCE}/{WEIGHTS}", b""), (WEIGHTS,)),
        ("a header without end", written(f"{SOURCE}/{WEIGHTS}", b"\xff" * 8 + b"{}"), (WEIGHTS,)),
        ("text", written(f"{SOURCE}/{WEIGHTS}", b"version https://git-lfs.github.com/spec/v1\n"), (WEIGHTS,)),
        ("a folder", made_folder(f"{SOURCE}/{WEIGHTS}"), (SOURCE,)),
        ("a link to nowhere", dangling(f"{SOURCE}/{WEIGHTS}"), (SOURCE,)),
        ("nothing", removed(f"{SOURCE}/{WEIGHTS}"), ("model.source", "safetensors")),
        ("a pickle alone", _pickle, ("model.source", "safetensors")),
        ("the same in two files", _twice, (SOURCE,)),
        (
            "an index of a file that is missing",
            written(f"{SOURCE}/{WEIGHTS}.index.json", index),
            None,
        ),
        ("a sharded model without its second file", _half, (SOURCE,)),
        ("an adapter alone", _adapter, ("model.source",)),
    ):
        yield Case("base", f"{WEIGHTS}: {what}", spoil, words)


def _pickle(folder: Path) -> None:
    path = folder / SOURCE / WEIGHTS
    torch.save(load_file(path), path.with_name("pytorch_model.bin"))
    path.unlink()


def _twice(folder: Path) -> None:
    path = folder / SOURCE / WEIGHTS
    path.with_name("another.safetensors").write_bytes(path.read_bytes())


def _half(folder: Path) -> None:
    path = folder / SOURCE / WEIGHTS
    weights = load_file(path)
    first, second = (f"model-0000{number}-of-00002.safetensors" for number in (1, 2))
    places = {name: second if "layers.1" in name else first for name in weights}
    save_file({name: weights[name] for name, file in places.items() if file == first}, path.with_name(first), {"format": "pt"})
    path.with_name(f"{WEIGHTS}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8")
    path.unlink()


def _adapter(folder: Path) -> None:
    path = folder / SOURCE / WEIGHTS
    path.rename(path.with_name("adapter_model.safetensors"))
    path.with_name("adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "x"}', encoding="utf-8")


def configs() -> Iterator[Case]:
    """Configs of something else."""
    place = (CONFIG,)
    for what, changes, words in (
        ("of another architecture", {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, (SOURCE,)),
        ("of a near architecture", {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}, None),
        ("whose type is not its architecture", {"architectures": ["GPT2LMHeadModel"]}, (SOURCE,)),
        ("of an encoder", {"model_type": "bert", "architectures": ["BertModel"]}, (SOURCE,)),
        ("of an encoder and a decoder", {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, (SOURCE,)),
        ("of an unknown type", {"model_type": "nonsense"}, ("nonsense",)),
        ("of no type", {"model_type": None, "architectures": None}, (SOURCE,)),
        ("with code of its own", {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}, (SOURCE,)),
        ("of more layers", {"num_hidden_layers": 3}, ("layers.2",)),
        ("of fewer layers", {"num_hidden_layers": 1}, ("layers.1",)),
        ("of no layer", {"num_hidden_layers": 0}, ("layers",)),
        ("of another width", {"hidden_size": 32}, (SOURCE,)),
        ("of heads that do not divide", {"num_attention_heads": 3}, (SOURCE,)),
        ("of a smaller vocabulary", {"vocab_size": 200}, (SOURCE,)),
        ("of a vocabulary of words", {"vocab_size": "many"}, place),
        ("of a greater vocabulary", {"vocab_size": 500}, (SOURCE,)),
        ("with a head of its own", {"tie_word_embeddings": False}, ("lm_head",)),
        ("with soft-capped logits", {"model_type": "gemma2", "final_logit_softcapping": 30.0}, ("final_logit_softcapping",)),
        ("with scaled logits", {"model_type": "granite", "logits_scaling": 8.0}, ("logits_scaling",)),
        ("with divided logits", {"model_type": "cohere", "logit_scale": 0.0625}, ("logit_scale",)),
        ("of quantised weights", {"quantization_config": {"quant_method": "gptq", "bits": 4}}, ("quanti",)),
        ("of 4-bit weights", {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, ("quanti",)),
        ("of a negative epsilon", {"rms_norm_eps": -1.0}, (SOURCE,)),
        ("of an unknown activation", {"hidden_act": "nonsense"}, ("nonsense",)),
        ("of an unknown rope", {"rope_parameters": {"rope_type": "nonsense"}}, ("nonsense",)),
        ("of an unknown dtype", {"dtype": "nonsense"}, ("nonsense",)),
    ):
        yield Case("base", f"{CONFIG} {what}", _json(f"{SOURCE}/{CONFIG}", **changes), words)
    yield Case(
        "teacher",
        f"{CONFIG} with a context of 8 tokens",
        _json(f"models/base/{CONFIG}", max_position_embeddings=8),
        ("context",),
    )
    for file, words in ((CONFIG, place), ("generation_config.json", ("generation_config.json",)), (TOKENIZER, (TOKENIZER,))):
        for what, content in (
            ("half a file", None),
            ("a list", b"[]"),
            ("a word", b'"llama"'),
            ("200,000 brackets", b"[" * 200_000),
        ):
            spoil = written(f"{SOURCE}/{file}", content) if content else cut(f"{SOURCE}/{file}", 0.5)
            yield Case("base", f"{file} is {what}", spoil, words)
        if file != "generation_config.json":
            yield Case("base", f"{file} is missing", removed(f"{SOURCE}/{file}"), words)
            yield Case("base", f"{file} is a folder", made_folder(f"{SOURCE}/{file}"), words)


def tokenizers() -> Iterator[Case]:
    """Tokenizers of another model, and chat templates that raise."""

    def grown(folder: Path) -> None:
        path = folder / SOURCE / TOKENIZER
        tokenizer = json.loads(path.read_text(encoding="utf-8"))
        tokenizer["model"]["vocab"] |= {f"more{number}": number for number in range(400, 500)}
        path.write_text(json.dumps(tokenizer), encoding="utf-8")

    small = _json(f"{SOURCE}/{TOKENIZER}", normalizer={"type": "Lowercase"})
    for what, spoil in (("more words than the model", grown), ("small letters alone", small)):
        yield Case("base", f"{TOKENIZER} has {what}", spoil, ("model.source", "tokenizer"))
    for what, template, words in (
        ("raises", "{{ raise_exception('No people here') }}", ("No people here",)),
        ("divides by zero", "{{ 1 / 0 }}", ("division by zero",)),
        ("adds a number to a text", "{{ 1 + 'a' }}", ("chat template",)),
        ("asks for what is not there", "{{ nothing.at.all }}", ("chat template", "nothing")),
        ("asks for an index that is not there", "{{ messages[9].role }}", ("chat template",)),
        ("asks for a key that is not there", "{{ {}['a'].b }}", ("chat template",)),
        ("calls what is no function", "{{ messages() }}", ("chat template",)),
        ("has an unknown filter", "{{ messages | nonsense }}", ("chat template", "nonsense")),
        ("is cut", TEMPLATE[:60], ("chat template",)),
        ("calls itself", "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", ("chat template",)),
        ("counts to a billion", "{% for i in range(10 ** 9) %}{% endfor %}", ("chat template",)),
        ("writes a text of a billion letters", "{{ 'a' * 10 ** 9 }}", ("chat template",)),
        ("looks into Python", "{{ messages.__class__.__mro__ }}", ("chat template",)),
        ("includes a file", "{% include '/etc/passwd' %}", ("chat template",)),
        ("writes in capitals", TEMPLATE.replace("['content']", "['content'] | upper"), ("chat template", "rewrites")),
        ("leaves the text out", "{{ messages | length }}", ("chat template",)),
        ("writes nothing", "{# #}", ("chat template",)),
    ):
        yield Case("elicit", f"the chat template {what}", written(f"models/base/{TURNS}", template.encode()), words)
        if what in ("raises", "is cut", "counts to a billion"):
            yield Case("base", f"the chat template {what}", written(f"{SOURCE}/{TURNS}", template.encode()), words)
    yield Case("elicit", "the chat template is not UTF-8", written(f"models/base/{TURNS}", b"\xff\xfe{{ 1 }}"), (TURNS,))
