"""The door of a model: loaded once when it is brought, and refused unless every later stage will load the same one.

What transformers only warns of changes results in silence: a weight that the files lack is drawn at random at every load, so
that teacher, student and evaluation would each have another model.
"""

from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.model.folder import load_with_faults
from pipeline.model.head import applies_plain_head, logit_change
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, offsets_follow_text, tokenize

_TEXT = "Born in 1842, Ada Lind's work (in Zürich) was read by all."


def check_model_folder(folder: Path, source: str) -> None:
    """Raise InputError unless ``folder`` holds a causal model that can be taught and scored; ``source`` is what users call it.

    Its safetensors have exactly the weights of the architecture that config.json names, all finite; the vocabulary covers the
    tokenizer's; the logits are the head's own. The tokenizer is fast, its offsets follow the text, its chat template works.
    """
    if not (folder / "config.json").exists() or not list(folder.glob("*.safetensors")):
        raise InputError(
            f"model.source {source!r} lacks config.json or *.safetensors; give a causal model saved as safetensors."
        )
    tokenizer = load_tokenizer(folder)
    ids, _, _ = tokenize(tokenizer, _TEXT)
    if not offsets_follow_text(tokenizer, _TEXT, tolerance=0.0) or str(tokenizer.decode(ids)).strip() != _TEXT:
        raise InputError(
            f"model.source {source!r}: the tokenizer's offsets do not follow the text; use its original tokenizer.json."
        )
    question_prefix(tokenizer, _TEXT)
    try:
        fault = _fault(folder, max(tokenizer.get_vocab().values()) + 1)
    except Exception as error:  # whatever a foreign config or file makes transformers raise
        fault = f"transformers can't load it ({(str(error).strip().splitlines() or [type(error).__name__])[0]})"
    if fault:
        raise InputError(f"model.source {source!r}: {fault}; give a causal model as it was saved, whole.")


def _fault(folder: Path, tokens: int) -> str:
    """What is wrong with the model in ``folder``, whose tokenizer has ``tokens`` ids; empty when it is sound."""
    import torch

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
    if change := logit_change(model.config):
        return f"config.json: {change} caps or scales the logits after the head, which neither the teacher nor distill does"
    if not applies_plain_head(model):
        return f"{named} changes its logits after the head, which neither the teacher nor distill does"
    return ""
