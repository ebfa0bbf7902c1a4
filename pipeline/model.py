"""The model of a folder as transformers gives it, the same way wherever one is scored, asked or trained."""

from pathlib import Path
from typing import Any

from pipeline.params import Precision
from pipeline.progress import quiet_libraries


def load_model(folder: Path, device: str, precision: Precision = "float32") -> Any:
    """The causal model in ``folder``, in ``precision`` and eval mode, on ``device``.

    A PreTrainedModel that generates; transformers has no one type that says both.
    """
    import torch
    from transformers import AutoModelForCausalLM

    quiet_libraries()
    model: Any = AutoModelForCausalLM.from_pretrained(str(folder), dtype=getattr(torch, precision), trust_remote_code=False)
    return model.to(torch.device(device)).eval()


def generate_plainly(model: Any) -> None:
    """Leave of the model's generation settings only the end of sequence.

    Its own habits (a repetition penalty, say) would bend what it says; vLLM is not told of them either.
    """
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)
