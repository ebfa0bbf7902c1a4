"""Plain transformers behind the same interface: the reference vLLM is compared with, and the way where it does not run."""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from pipeline.batching import batches, padded
from pipeline.device import pick_device
from pipeline.engines.interface import Progress, Scores
from pipeline.model import generate_plainly, load_model
from pipeline.params import RuntimeParams


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

        results: list[Scores | None] = [None] * len(sequences)
        with torch.inference_mode():
            for batch in batches([len(ids) for ids in sequences], self._max_tokens):
                rows = [sequences[index] for index in batch]
                ids, mask = padded(rows, self._device)
                logits_BTV = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
                for row, index in enumerate(batch):
                    length = len(rows[row])
                    logprobs_TV = logits_BTV[row, : length - 1].float().log_softmax(-1)
                    own = logprobs_TV.gather(1, ids[row, 1:length, None])[:, 0]
                    values, top = logprobs_TV.topk(top_k, dim=-1)
                    results[index] = Scores(own.cpu().numpy(), top.int().cpu().numpy(), values.cpu().numpy())
                if progress:
                    progress(sum(map(len, rows)))
        return [result for result in results if result is not None]

    def generate(self, prompts: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """See Engine.generate."""
        import torch

        answers: list[list[int]] = [[] for _ in prompts]
        with torch.inference_mode():
            for batch in batches([len(ids) for ids in prompts], self._max_tokens):
                ids, mask = padded([prompts[index] for index in batch], self._device, left=True)
                output = self._model.generate(
                    input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=max_new_tokens, pad_token_id=0
                )
                for row, index in enumerate(batch):
                    answers[index] = self._until_stop(output[row, ids.shape[1] :].tolist())
        return answers

    def sample(
        self, prompts: Sequence[list[int]], max_new_tokens: int, *, answers: int, temperature: float, seed: int
    ) -> list[list[list[int]]]:
        """See Engine.sample."""
        import torch

        sampled = []
        with torch.inference_mode():
            for index, prompt in enumerate(prompts):
                torch.manual_seed(seed + index)
                ids, mask = padded([prompt], self._device)
                output = self._model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    do_sample=True,
                    temperature=temperature,
                    top_k=0,
                    top_p=1.0,
                    num_return_sequences=answers,
                    max_new_tokens=max_new_tokens,
                    pad_token_id=0,
                )
                sampled.append([self._until_stop(row.tolist()) for row in output[:, len(prompt) :]])
        return sampled

    def _until_stop(self, tokens: Sequence[int]) -> list[int]:
        """``tokens`` before the first end-of-sequence token."""
        stop = self._model.generation_config.eos_token_id
        stops = set(stop if isinstance(stop, list) else [stop])
        return list(takewhile(lambda token: token not in stops, tokens))
