"""Plain transformers behind the same interface: the reference vLLM is compared with, and the way where it does not run."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from pipeline.core.batching import batches, padded
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.engines.engine import Progress, Scores
from pipeline.model.folder import generate_plainly, load_model


class TransformersEngine:
    """The model in ``folder`` in float32, in eval mode, on the device that ``runtime`` names."""

    def __init__(self, folder: Path, runtime: RuntimeParams) -> None:
        self._max_tokens = runtime.micro_batch_tokens
        self._device = pick_device(runtime.device)
        self._model = load_model(folder, self._device)
        generate_plainly(self._model)

    def score(self, sequences: Sequence[list[int]], top_k: int, progress: Progress | None = None) -> list[Scores]:
        """See Engine.score."""
        import torch

        scores: dict[int, Scores] = {}
        with torch.inference_mode():
            for batch in batches([len(ids) for ids in sequences], self._max_tokens):
                ids, mask = padded([sequences[index] for index in batch], self._device)
                logits_BTV = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
                for row, index in enumerate(batch):
                    length = len(sequences[index])
                    logprobs_TV = logits_BTV[row, : length - 1].float().log_softmax(-1)
                    own = logprobs_TV.gather(1, ids[row, 1:length, None])[:, 0]
                    values, top = logprobs_TV.topk(top_k, dim=-1)
                    scores[index] = Scores(own.cpu().numpy(), top.int().cpu().numpy(), values.cpu().numpy())
                if progress:
                    progress(sum(len(sequences[index]) for index in batch))
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
        stop = self._model.generation_config.eos_token_id
        stops = set(stop if isinstance(stop, list) else [stop])
        return [list(takewhile(lambda token: token not in stops, row)) for row in output[:, ids.shape[1] :].tolist()]
