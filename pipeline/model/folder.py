"""A model folder: what it is known by, and its model as transformers gives it, the same wherever one is scored or trained."""

from pathlib import Path
from typing import Any

from pipeline.core.files import files_fingerprint
from pipeline.core.outputs import check_model
from pipeline.core.progress import quiet_libraries
from pipeline.model.params import Precision

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


def model_fingerprint(folder: Path) -> str:
    """Weights and architecture of a model folder."""
    return files_fingerprint(folder, ("config.json", "*.safetensors"))


def tokenizer_fingerprint(folder: Path) -> str:
    """Tokenizer and chat template of a model folder."""
    return files_fingerprint(folder, TOKENIZER_FILES)


def load_model(folder: Path, device: str, precision: Precision = "float32") -> Any:
    """The causal model in ``folder``, in ``precision`` and eval mode, on ``device``. Raises InputError as check_model does.

    A PreTrainedModel that generates; transformers has no one type that says both.
    """
    import torch
    from transformers import AutoModelForCausalLM

    check_model(folder)
    quiet_libraries()
    model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=getattr(torch, precision), trust_remote_code=False)
    return model.to(torch.device(device)).eval()


def generate_plainly(model: Any) -> None:
    """Leave of the model's generation settings only the end of sequence.

    Its own habits (a repetition penalty, say) would bend what it says; vLLM is not told of them either.
    """
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)
