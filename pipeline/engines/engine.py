"""What is asked of an engine: to score given tokens, and to write new ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Scores:
    """A scored sequence of L tokens. Row t is about the token after t, so there are L - 1 rows."""

    next_logprobs: np.ndarray  # float32 [L - 1], nats, of the sequence's own next token
    top_ids: np.ndarray  # int32 [L - 1, k], most probable first
    top_logprobs: np.ndarray  # float32 [L - 1, k], nats


Progress = Callable[[int], None]


class Engine(Protocol):
    """Scores given tokens and writes new ones, in the order of its inputs."""

    def score(self, sequences: Sequence[list[int]], top_k: int, progress: Progress | None = None) -> list[Scores]:
        """Log-probabilities of every token after the first, and the ``top_k`` most probable at each place (0: none).

        ``progress`` is told how many tokens are done.
        """
        ...

    def generate(self, prompts: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """The greedy continuation of each prompt, up to the end-of-sequence token, which is left out."""
        ...

    def sample(
        self, prompts: Sequence[list[int]], max_new_tokens: int, *, answers: int, temperature: float, seed: int
    ) -> list[list[list[int]]]:
        """``answers`` sampled continuations of each prompt; each has a generator of its own, seeded upwards from ``seed``."""
        ...
