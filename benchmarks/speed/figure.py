"""A measured figure and what it is held against, and how one is measured: in seconds, in a process of its own."""

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number of a benchmark of speed or memory."""

    key: str
    value: float
    aim: str  # a comparison with the value, such as ">= 0.92"
    compared: str  # what the value is the ratio of


def alone(call: Callable[..., Any], *arguments: Any) -> Any:
    """``call`` in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes, until CUDA has done it too."""
    started = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - started


def wait() -> None:
    """Until CUDA, where there is one, has done all that it was given."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
