"""Where torch computes."""

from pipeline.errors import InputError


def pick_device(wanted: str) -> str:
    """The torch device for ``runtime.device``: auto takes CUDA where there is one. Raises InputError when CUDA is not there."""
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("params.yaml: runtime.device is 'cuda', but torch finds no CUDA device; set it to 'auto' or 'cpu'.")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def free_memory() -> None:
    """Give back what a model that went out of scope held, before the next one opens its own."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
