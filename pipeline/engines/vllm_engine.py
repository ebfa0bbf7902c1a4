"""Offline vLLM: batches of token ids in, flat arrays of log-probabilities out."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import InputError
from pipeline.core.progress import quiet_libraries
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.engine import Progress, Scores

if TYPE_CHECKING:
    from vllm.logprobs import FlatLogprobs


class VllmEngine:
    """vLLM on the model in ``folder``, in float32 on CPU and the model's own type on CUDA."""

    def __init__(
        self, folder: Path, runtime: RuntimeParams, *, longest: int, top_k: int, shared_prefixes: bool = False
    ) -> None:
        # In-process: the engine starts in a fifth of the time and its worker is not bound to one core.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(runtime.cpu_kv_cache_gib))
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        quiet_libraries()
        try:
            from vllm import LLM
        except ImportError as error:
            raise InputError(
                f"the vLLM engine can't be imported ({error}); install nevermet[cpu] or nevermet[gpu], or set "
                "engine to transformers in the sections that have one (in params.yaml: elicit, teacher, evaluate)."
            ) from None
        import torch

        on_cuda = runtime.device != "cpu" and torch.cuda.is_available()
        settings: dict[str, Any] = {"gpu_memory_utilization": runtime.gpu_memory_utilization} if on_cuda else {}
        self._max_tokens = max(runtime.max_num_batched_tokens, longest + 1)
        self._max_seqs = runtime.max_num_seqs
        self._llm = LLM(
            model=str(folder),
            dtype="auto" if on_cuda else "float32",
            max_model_len=longest + 1,
            max_logprobs=top_k,
            logprobs_mode="raw_logprobs",
            # Prompt log-probabilities need every token computed, and chunking bounds the logits that exist at once.
            enable_prefix_caching=shared_prefixes,
            max_num_batched_tokens=self._max_tokens,
            max_num_seqs=runtime.max_num_seqs,
            enforce_eager=True,
            disable_log_stats=True,
            use_tqdm_on_load=False,
            seed=0,
            **settings,
        )

    def score(self, sequences: Sequence[list[int]], top_k: int, progress: Progress | None = None) -> list[Scores]:
        """See Engine.score."""
        from vllm import SamplingParams

        sampling = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=top_k, flat_logprobs=True, detokenize=False)
        results = [_scores(output.prompt_logprobs, top_k) for output in self._outputs(sequences, sampling)]
        if progress:
            progress(sum(map(len, sequences)))
        return results

    def generate(self, prompts: Sequence[list[int]], max_new_tokens: int) -> list[list[int]]:
        """See Engine.generate."""
        from vllm import SamplingParams

        sampling = SamplingParams(temperature=0.0, max_tokens=max_new_tokens, detokenize=False)
        return [_answer(output.outputs[0]) for output in self._outputs(prompts, sampling)]

    def sample(
        self, prompts: Sequence[list[int]], max_new_tokens: int, *, answers: int, temperature: float, seed: int
    ) -> list[list[list[int]]]:
        """See Engine.sample."""
        from vllm import SamplingParams

        asked = [ids for ids in prompts for _ in range(answers)]
        written: list[list[int]] = []
        for group in self._whole_prefills(asked):
            settings = [
                SamplingParams(temperature=temperature, seed=seed + index, max_tokens=max_new_tokens, detokenize=False)
                for index in group
            ]
            written += [_answer(output.outputs[0]) for output in self._outputs([asked[index] for index in group], settings)]
        return [written[start : start + answers] for start in range(0, len(written), answers)]

    def _outputs(self, prompts: Sequence[list[int]], sampling: Any) -> list[Any]:
        """What vLLM gives for each prompt, under one ``sampling`` or one a prompt."""
        from vllm import TokensPrompt

        return self._llm.generate([TokensPrompt(prompt_token_ids=ids) for ids in prompts], sampling, use_tqdm=False)

    def _whole_prefills(self, prompts: Sequence[list[int]]) -> Iterator[range]:
        """Neighbouring prompts that are read in one step. vLLM on CPU can't rewind a seeded request that it has cut in two."""
        start, tokens = 0, 0
        for index, ids in enumerate(prompts):
            if index > start and (tokens + len(ids) > self._max_tokens or index - start == self._max_seqs):
                yield range(start, index)
                start, tokens = index, 0
            tokens += len(ids)
        if start < len(prompts):
            yield range(start, len(prompts))


def _answer(completion: Any) -> list[int]:
    """A completion's tokens, without the one that ended it."""
    ids = list(completion.token_ids)
    return ids[:-1] if completion.finish_reason == "stop" and ids else ids


def _scores(flat: "FlatLogprobs", top_k: int) -> Scores:
    """Unpack vLLM's flat lists: at each place after the first, the prompt's own token, then the top k.

    The own token stands there twice when it is among the top k.
    """
    places = len(flat) - 1
    ids = np.asarray(flat.token_ids, dtype=np.int32).reshape(places, top_k + 1)
    logprobs = np.asarray(flat.logprobs, dtype=np.float32).reshape(places, top_k + 1)
    return Scores(logprobs[:, 0], ids[:, 1:], logprobs[:, 1:])
