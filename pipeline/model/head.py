"""The language-model head alone: what turns last hidden states into logits, without the rest of the model in memory.

Shapes: T positions, D width, V vocabulary.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.model.folder import check_weights, load_model

if TYPE_CHECKING:
    import torch

# Keys of a config by which an architecture caps or scales its logits after the head.
_AFTER_THE_HEAD = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier")


@dataclass(frozen=True)
class Head:
    """An affine map from hidden states to logits."""

    weight_VD: "torch.Tensor"
    bias_V: "torch.Tensor | None"

    @property
    def vocabulary(self) -> int:
        """V."""
        return len(self.weight_VD)

    def logits(self, hidden_TD: "torch.Tensor") -> "torch.Tensor":
        """Float32 [T, V]; products of 16-bit weights, on CUDA, are summed and given in float32 too."""
        import torch

        hidden_TD = hidden_TD.to(self.weight_VD)
        if self.weight_VD.dtype == torch.float32:
            logits_TV = hidden_TD @ self.weight_VD.T
        else:
            logits_TV = torch.mm(hidden_TD, self.weight_VD.T, out_dtype=torch.float32)
        return logits_TV if self.bias_V is None else logits_TV + self.bias_V.float()


def logit_change(config: Any) -> str:
    """The key of ``config`` by which the architecture caps or scales its logits; empty where none does."""
    text = config.get_text_config()
    return next((key for key in _AFTER_THE_HEAD if getattr(text, key, None) not in (None, 1.0)), "")


def applies_plain_head(model: Any) -> bool:
    """Whether the logits of a causal ``model`` are what its head makes of the last hidden states, and nothing else."""
    import torch

    ids_BL = torch.tensor([[1, 2, 3]], device=model.device)
    with torch.no_grad():
        apart = model.get_output_embeddings()(model.base_model(input_ids=ids_BL, use_cache=False).last_hidden_state)
        return torch.allclose(model(input_ids=ids_BL, use_cache=False).logits, apart, rtol=1e-3, atol=1e-3)


def load_head(folder: Path, device: str) -> Head:
    """The head of the causal model in ``folder`` on ``device``: float32 on a CPU, as saved on CUDA."""
    import torch
    from safetensors import safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    check_weights(folder)
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    head = empty.get_output_embeddings()
    names = {
        kind: {name for name, weight in empty.named_parameters(remove_duplicate=False) if weight is getattr(head, kind, None)}
        for kind in ("weight", "bias")
    }
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for kind, aliases in names.items():
                for name in aliases & set(file.keys()):
                    found[kind] = file.get_tensor(name)
    if "weight" not in found:  # saved under names that only loading knows
        loaded = load_model(folder, "cpu").get_output_embeddings()
        found = {kind: value for kind in names if (value := getattr(loaded, kind, None)) is not None}
    dtype = torch.float32 if device == "cpu" else None
    weight, bias = (None if value is None else value.detach().to(device, dtype) for value in map(found.get, names))
    assert weight is not None, "the model has a head"  # else it had not been brought
    return Head(weight, bias)
