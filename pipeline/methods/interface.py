"""What a method gets and what it leaves: any model folder that transformers and vLLM load, and its training curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.params import RuntimeParams
from pipeline.tables import Passage

Curve = list[dict[str, float]]  # a row an optimizer step; empty where nothing is trained


@dataclass(frozen=True)
class Task:
    """What is to be forgotten, from which model."""

    base: Path  # model folder
    targets: tuple[str, ...]
    passages: Sequence[Passage]  # forget and retain, as prepared
    shards: Path  # the teacher's folder, for methods that distil
    runtime: RuntimeParams
    seed: int


class Method(Protocol):
    """One way to forget."""

    def unlearn(self, task: Task, folder: Path) -> Curve:
        """Write the model that has forgotten into the empty ``folder`` and return the curve."""
        ...
