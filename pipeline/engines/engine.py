"""What is asked of an engine: to read given tokens, to score given answers, to write new ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch


class Prefill(Protocol):
    """Reads sequences and gives what the language-model head would read."""

    def hidden_states(self, sequences: Sequence[list[int]], first_rows: Sequence[int]) -> "list[torch.Tensor]":
        """Each sequence's last hidden states, after the final norm, from row ``first_rows[i]`` on: float [L - first row, D].

        A prefix that several sequences share may be read once. The result depends on the sequences of this call alone.
        """
        ...


class Engine(Protocol):
    """Scores given answers and writes new ones, in the order of its inputs."""

    def next_logprobs(self, sequences: Sequence[list[int]], starts: Sequence[int]) -> "list[np.ndarray]":
        """Log-probabilities of each sequence's tokens from index ``starts[i]``, at least 1, on: float32 [L - start], nats."""
        ...

    def generate(self, prompts: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """The greedy continuation of each prompt, up to the end-of-sequence token, which is left out."""
        ...

    def sample(
        self, prompts: Sequence[list[int]], max_new_tokens: int, *, answers: int, temperature: float, seed: int
    ) -> list[list[list[int]]]:
        """``answers`` sampled continuations of each prompt; each has a generator of its own, seeded upwards from ``seed``."""
        ...
