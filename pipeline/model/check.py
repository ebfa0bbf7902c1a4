"""The door of a model: loaded once when it is brought, and refused unless every later stage will load the same one.

What transformers only warns of changes results in silence: a weight that the files lack is drawn at random at every load, so
that teacher, student and evaluation would each have another model.
"""

from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError, first_line
from pipeline.core.outputs import read_json_object
from pipeline.model.folder import check_weights, load_with_faults
from pipeline.model.head import applies_plain_head, logit_change
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, offsets_follow_text, tokenize

_JSON = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "model.safetensors.index.json"),
)
_TEXT = "Born in 1842, Ada Lind's work (in Zürich) was read by all."


def check_model_folder(folder: Path, source: str) -> None:
    """Raise InputError unless ``folder`` holds a causal model that can be taught and scored; ``source`` is what users call it.

    Its safetensors have exactly the weights of the architecture that config.json names, all finite; the vocabulary covers the
    tokenizer's; the logits are the head's own. The tokenizer is fast, its offsets follow the text, its chat template works.
    """
    try:
        fault = _fault(folder)
    except InputError as error:  # of the folder that it is brought to, which is no name of the user's
        raise InputError(error.message.replace(str(folder), f"model.source {source!r}")) from None
    except Exception as error:
        fault = f"it can't be used ({first_line(error)})"
    if fault:
        raise InputError(f"model.source {source!r}: {fault}; give a causal model as it was saved, whole.")


def _fault(folder: Path) -> str:
    """What is wrong with the model in ``folder``; empty when it is sound."""
    import torch
    from transformers import AutoConfig

    for name in _JSON:
        if (folder / name).exists():
            read_json_object(folder / name, "bring the model anew")
    check_weights(folder)
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:
        return f"config.json describes no model that transformers knows ({first_line(error)})"
    if change := logit_change(config):
        return f"config.json: {change} caps or scales the logits after the head, which neither the teacher nor distill does"
    tokenizer = load_tokenizer(folder)
    ids, _, _ = tokenize(tokenizer, _TEXT)
    if not offsets_follow_text(tokenizer, _TEXT, tolerance=0.0) or str(tokenizer.decode(ids)).strip() != _TEXT:
        return "the tokenizer's offsets do not follow the text; use its original tokenizer.json"
    question_prefix(tokenizer, _TEXT)
    tokens = max(tokenizer.get_vocab().values()) + 1
    model: Any
    model, fault = load_with_faults(folder, "auto")
    named = (model.config.architectures or [type(model).__name__])[0]
    if fault:
        return fault
    if named != type(model).__name__:
        return f"config.json names the architecture {named}, which is loaded as {type(model).__name__}"
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            return f"the weight {name} holds NaN or infinite numbers"
    if model.get_output_embeddings() is None:
        return f"{named} has no language-model head"
    for table in (model.get_input_embeddings(), model.get_output_embeddings()):
        if len(table.weight) < tokens:
            return f"its vocabulary has {len(table.weight)} tokens, the tokenizer {tokens}"
    if not applies_plain_head(model):
        return f"{named} changes its logits after the head, which neither the teacher nor distill does"
    return ""
