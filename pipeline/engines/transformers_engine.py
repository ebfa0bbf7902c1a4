"""Plain transformers behind the same interfaces: vLLM's reference, its stand-in, and on a CPU what scores given answers."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.batching import Tree, batches, padded, trees
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.model.folder import generate_plainly, load_model
from pipeline.model.trees import TreeReader

if TYPE_CHECKING:
    import numpy as np
    import torch

_TREE_TOKENS = 512  # every token's attention looks over the whole row


class TransformersEngine:
    """The model in ``folder`` in float32, in eval mode, on the device that ``runtime`` names; ``model``, if it is loaded."""

    def __init__(self, folder: Path, runtime: RuntimeParams, model: Any = None) -> None:
        self._max_tokens = runtime.micro_batch_tokens
        self._device = pick_device(runtime.device)
        self._model = model or load_model(folder, self._device)
        self._stops = generate_plainly(self._model)
        self._reader = TreeReader(self._model, self._device)

    def hidden_states(self, sequences: Sequence[list[int]], first_rows: Sequence[int]) -> "list[torch.Tensor]":
        """See Prefill.hidden_states."""
        import torch

        hidden: dict[int, torch.Tensor] = {}
        with torch.inference_mode():
            for tree in self._trees(sequences):
                states_TD = self._model.base_model(**self._reader.inputs(tree)).last_hidden_state[0]
                hidden |= {index: states_TD[path[first_rows[index] :]] for index, path in tree.paths.items()}
        return [hidden[index] for index in range(len(sequences))]

    def next_logprobs(self, sequences: Sequence[list[int]], starts: Sequence[int]) -> "list[np.ndarray]":
        """See Engine.next_logprobs."""
        import torch

        scores: dict[int, np.ndarray] = {}
        for index, logprobs_TV in self.distributions(sequences, starts):
            next_T1 = torch.tensor(sequences[index][starts[index] :], device=self._device)[:, None]
            scores[index] = logprobs_TV.gather(1, next_T1)[:, 0].cpu().numpy()
        return [scores[index] for index in range(len(sequences))]

    def distributions(self, sequences: Sequence[list[int]], starts: Sequence[int]) -> "Iterator[tuple[int, torch.Tensor]]":
        """The index of each of ``sequences`` with what it is asked for: log-probabilities, float32 [T, V], nats.

        Row t is of the token that stands at ``starts[index]`` + t, by all before it. They come in the order of their tokens.
        """
        import torch

        for tree in self._trees(sequences):
            rows = sorted({column for index, path in tree.paths.items() for column in path[starts[index] - 1 : -1]})
            row_of = {column: row for row, column in enumerate(rows)}
            with torch.inference_mode():
                kept = torch.tensor(rows, dtype=torch.long, device=self._device)
                logits_RV = self._model(**self._reader.inputs(tree), logits_to_keep=kept).logits[0]
                logprobs_RV = logits_RV.float().log_softmax(-1)
            for index, path in tree.paths.items():
                yield index, logprobs_RV[[row_of[column] for column in path[starts[index] - 1 : -1]]]

    def _trees(self, sequences: Sequence[list[int]]) -> Iterator[Tree]:
        """All ``sequences``; each in a tree of its own where the model can't look at more, or no further back than a window."""
        longest = max(map(len, sequences), default=0)
        return trees(sequences, self._reader.room(longest, min(self._max_tokens, _TREE_TOKENS)))

    def generate(self, prompts: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """See Engine.generate."""
        answers: dict[int, list[int]] = {}
        for batch in batches([len(ids) for ids in prompts], self._max_tokens):
            written = self._write([prompts[index] for index in batch], max_new_tokens, {"do_sample": False})
            answers.update(zip(batch, written, strict=True))
        return [answers[index] for index in range(len(prompts))]

    def sample(
        self, prompts: Sequence[list[int]], max_new_tokens: int, *, answers: int, temperature: float, seed: int
    ) -> list[list[list[int]]]:
        """See Engine.sample."""
        import torch

        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0, "num_return_sequences": answers}
        sampled = []
        for index, prompt in enumerate(prompts):
            torch.manual_seed(seed + index)
            sampled.append(self._write([prompt], max_new_tokens, sampling))
        return sampled

    def _write(self, prompts: Sequence[list[int]], max_new_tokens: int, settings: Mapping[str, Any]) -> list[list[int]]:
        """What follows each prompt before the first end-of-sequence token."""
        import torch

        ids, mask = padded(prompts, self._device, left=True)
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, pad_token_id=0, **settings
            )
        return [list(takewhile(lambda token: token not in self._stops, row)) for row in output[:, ids.shape[1] :].tolist()]
