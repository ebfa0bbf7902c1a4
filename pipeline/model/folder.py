"""A model folder: what it is known by, and its model as transformers gives it, the same wherever one is scored or trained."""

from pathlib import Path
from typing import Any

from pipeline.core.errors import InputError, first_line
from pipeline.core.files import files_fingerprint
from pipeline.core.outputs import check_model, command_for
from pipeline.core.progress import quiet_libraries
from pipeline.model.params import Precision

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_NAMED = 3  # weights in a sentence
_FAULTS = {  # of transformers' report
    "mismatched_keys": "have another shape than config.json for",
    "missing_keys": "lack",
    "unexpected_keys": "hold what the architecture has no place for:",
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
    """The causal model in ``folder`` on the CPU, and what transformers made up or left out of its weights, in words.

    Raises InputError as check_weights does, and for whatever keeps transformers from loading it.
    """
    from transformers import AutoModelForCausalLM

    check_weights(folder)
    quiet_libraries()
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=dtype, trust_remote_code=False, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except Exception as error:  # whatever a foreign config or file makes transformers raise
        raise InputError(f"{folder}: transformers can't load it ({first_line(error)}).") from None
    model, found = loaded
    for faults, words in _FAULTS.items():
        if keys := sorted(key if isinstance(key, str) else key[0] for key in found[faults]):
            more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
            return model, f"the safetensors {words} {', '.join(keys[:_NAMED])}{more}"
    return model, ""


def check_weights(folder: Path) -> None:
    """Raise InputError unless ``folder`` has a config and readable safetensors, each weight once and of a floating type."""
    from safetensors import safe_open

    check_model(folder)
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                kinds = {name: str(file.get_slice(name).get_dtype()) for name in file.keys()}  # noqa: SIM118 (no dictionary)
        except Exception as error:
            raise InputError(f"{path} can't be read ({first_line(error)}); bring the model anew.") from None
        for name, kind in kinds.items():
            if name in seen:
                raise InputError(f"{path}: the weight {name} stands in {seen[name]} already; bring the model anew.")
            if not kind.startswith(("F", "BF")):
                raise InputError(f"{path}: the weight {name} is of the type {kind}, but must be of floating point.")
            seen[name] = path.name
    if not seen:
        raise InputError(f"{folder}: model.safetensors is missing or holds no weight; bring the model anew.")


def generate_plainly(model: Any) -> set[int | None]:
    """Leave of the model's generation settings only the end of sequence; returns the tokens that are one.

    Its own habits (a repetition penalty, say) would bend what it says; vLLM is not told of them either.
    """
    from transformers import GenerationConfig

    stop = model.generation_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=stop)
    return set(stop if isinstance(stop, list) else [stop])
