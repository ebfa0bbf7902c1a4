"""A model folder: what it is known by, and its model as transformers gives it, the same wherever one is scored or trained."""

from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError
from pipeline.core.files import files_fingerprint
from pipeline.core.outputs import check_model, command_for
from pipeline.core.progress import quiet_libraries
from pipeline.model.params import Precision

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_FAULTS = {  # of transformers' report
    "mismatched_keys": "have another shape than config.json for the weight",
    "missing_keys": "lack the weight",
    "unexpected_keys": "hold a weight that the architecture has no place for:",
}


def model_fingerprint(folder: Path) -> str:
    """Weights and architecture of a model folder."""
    return files_fingerprint(folder, ("config.json", "*.safetensors"))


def tokenizer_fingerprint(folder: Path) -> str:
    """Tokenizer and chat template of a model folder."""
    return files_fingerprint(folder, TOKENIZER_FILES)


def load_model(folder: Path, device: str, precision: Precision = "float32") -> Any:
    """The causal model in ``folder``, in ``precision`` and eval mode, on ``device``. Raises InputError as check_model does.

    A PreTrainedModel that generates; transformers has no one type that says both. Raises InputError for weights too many or too
    few.
    """
    import torch

    model, fault = load_with_faults(folder, precision)
    if fault:
        raise InputError(f"{folder}: {fault}; make it anew ({command_for(folder)}).")
    return model.to(torch.device(device)).eval()


def load_with_faults(folder: Path, dtype: str) -> tuple[Any, str]:
    """The causal model in ``folder`` on the CPU, and what transformers made up or left out of its weights, in words."""
    from transformers import AutoModelForCausalLM

    check_model(folder)
    quiet_libraries()
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=dtype, trust_remote_code=False, output_loading_info=True, ignore_mismatched_sizes=True
    )
    model, found = loaded
    for faults, words in _FAULTS.items():
        if keys := sorted(key if isinstance(key, str) else key[0] for key in found[faults]):
            return model, f"the safetensors {words} {keys[0]}" + (f" and {len(keys) - 1} more" if keys[1:] else "")
    return model, ""


def generate_plainly(model: Any) -> None:
    """Leave of the model's generation settings only the end of sequence.

    Its own habits (a repetition penalty, say) would bend what it says; vLLM is not told of them either.
    """
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)
