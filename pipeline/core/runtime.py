"""Section ``runtime``: where and how big the work is. But for ``device`` it changes no result, and no stage tracks it."""

import ctypes
from typing import Literal

from pydantic import Field

from pipeline.core.errors import InputError
from pipeline.core.params import Section

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h


class RuntimeParams(Section):
    """Section ``runtime``."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    max_num_batched_tokens: int = Field(2048, ge=16)  # vLLM: tokens whose logits exist at once
    max_num_seqs: int = Field(128, ge=1)  # vLLM: sequences in flight
    cpu_kv_cache_gib: int = Field(2, ge=1)  # vLLM on CPU
    gpu_memory_utilization: float = Field(0.85, gt=0, le=1)  # vLLM on CUDA
    micro_batch_tokens: int = Field(1536, ge=1)  # training and the transformers engine: tokens a forward, with the padding
    logit_chunk: int = Field(512, ge=1)  # training: positions whose logits exist at once
    checkpoint_steps: int = Field(100, ge=0)  # distill: steps after which a killed run can go on; 0 writes no checkpoint
    gradient_checkpointing: bool = False  # training: compute a layer's activations again on the way back, not keep them


def pick_device(wanted: str) -> str:
    """The torch device for ``runtime.device``: auto takes CUDA where there is one. Raises InputError when CUDA is not there."""
    import torch

    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError("params.yaml: runtime.device is 'cuda', but torch finds no CUDA device; set it to 'auto' or 'cpu'.")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def keep_freed_memory() -> None:
    """Have glibc keep what the process frees, such as the large tensors of every step, for what it asks for next."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


def free_memory() -> None:
    """Give back what a model that went out of scope held, before the next one opens its own."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
