"""Plain transformers behind the same interfaces: the reference vLLM is compared with, and the way where it does not run."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.batching import batches, padded
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.model.folder import generate_plainly, load_model

if TYPE_CHECKING:
    import numpy as np
    import torch


class TransformersEngine:
    """The model in ``folder`` in float32, in eval mode, on the device that ``runtime`` names; ``model``, if it is loaded."""

    def __init__(self, folder: Path, runtime: RuntimeParams, model: Any = None) -> None:
        self._max_tokens = runtime.micro_batch_tokens
        self._device = pick_device(runtime.device)
        self._model = model or load_model(folder, self._device)
        self._stops = generate_plainly(self._model)

    def hidden_states(self, sequences: Sequence[list[int]], first_rows: Sequence[int]) -> "list[torch.Tensor]":
        """See Prefill.hidden_states."""
        import torch

        hidden: dict[int, torch.Tensor] = {}
        with torch.inference_mode():
            for batch in batches([len(ids) for ids in sequences], self._max_tokens):
                ids, mask = padded([sequences[index] for index in batch], self._device)
                states_BLD = self._model.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
                for row, index in enumerate(batch):
                    hidden[index] = states_BLD[row, first_rows[index] : len(sequences[index])].clone()
        return [hidden[index] for index in range(len(sequences))]

    def next_logprobs(self, sequences: Sequence[list[int]], starts: Sequence[int]) -> "list[np.ndarray]":
        """See Engine.next_logprobs."""
        import torch

        scores: dict[int, np.ndarray] = {}
        with torch.inference_mode():
            for batch in batches([len(ids) for ids in sequences], self._max_tokens):
                ids, mask = padded([sequences[index] for index in batch], self._device)
                logits_BTV = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
                for row, index in enumerate(batch):
                    start, length = starts[index], len(sequences[index])
                    logprobs_TV = logits_BTV[row, start - 1 : length - 1].float().log_softmax(-1)
                    scores[index] = logprobs_TV.gather(1, ids[row, start:length, None])[:, 0].cpu().numpy()
        return [scores[index] for index in range(len(sequences))]

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
