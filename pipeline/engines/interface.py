"""What teacher and evaluate ask of an engine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.errors import InputError
from pipeline.params import RuntimeParams

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Scores:
    """A scored sequence of L tokens. Row t is about the token after t, so there are L - 1 rows."""

    next_logprobs: "np.ndarray"  # float32 [L - 1], nats, of the sequence's own next token
    top_ids: "np.ndarray"  # int32 [L - 1, k], most probable first
    top_logprobs: "np.ndarray"  # float32 [L - 1, k], nats


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


def open_engine(
    name: str, folder: Path, runtime: RuntimeParams, *, longest: int, top_k: int, shared_prefixes: bool = False
) -> Engine:
    """The engine ``name`` on the model in ``folder``, for sequences of up to ``longest`` tokens.

    ``shared_prefixes``: prompts begin alike, so that vLLM may read the beginning once; for generation only.
    Raises InputError when the engine is not installed, a sequence exceeds the model's context, or ``top_k`` its vocabulary.
    """
    check_limits(folder, longest=longest, top_k=top_k)
    if name == "transformers":
        from pipeline.engines.transformers_engine import TransformersEngine

        return TransformersEngine(folder, runtime)
    from pipeline.engines.vllm_engine import VllmEngine

    return VllmEngine(folder, runtime, longest=longest, top_k=top_k, shared_prefixes=shared_prefixes)


def check_limits(folder: Path, *, longest: int, top_k: int) -> None:
    """Raise InputError when the model in ``folder`` can't take ``longest`` tokens or give ``top_k`` of them."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False).get_text_config()
    if top_k > config.vocab_size:
        raise InputError(
            f"teacher.scored_top_k is {top_k}, but the engine can give at most the model's whole vocabulary of "
            f"{config.vocab_size} tokens; lower it and teacher.top_k in params.yaml."
        )
    context = getattr(config, "max_position_embeddings", None)
    if context and longest >= context:
        raise InputError(
            f"a text of {longest} tokens, with the room for its answer, does not fit the context of the model in {folder} "
            f"({context} tokens, one of them for the answer); shorten the text, or lower "
            "teacher.sentences_per_passage (documents) or the max_new_tokens of the section that asks (questions)."
        )
