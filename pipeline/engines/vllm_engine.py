"""Offline vLLM, which reads a shared prefix once: its cache serves hidden states and prompt log-probabilities alike.

vLLM does not let such requests read the cache unless told to, since rows before the hit are not computed. They are not needed
here: the rows asked for come after what the sequences share. Where a hit reaches further (the same text twice), the sequence is
read again without it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import InputError
from pipeline.core.progress import quiet_libraries
from pipeline.core.runtime import RuntimeParams, keep_freed_memory, pick_device
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.engines.vllm_cpu import norms_by_kernel
from pipeline.model.folder import check_weights

if TYPE_CHECKING:
    import torch

_PREFILL_SEQUENCES = 256  # short ones, of which only the tokens after the prefix are computed
STEPS_CACHED = 4  # of a prefill on CPU: the tokens of so many steps stay in the cache, for those that begin like them
_WRITER_TOKENS = 8192  # prompts of a step on CPU: an engine that writes makes logits of the last tokens alone
CPU_BLOCK = 32  # tokens of the smallest block that attention on CPU takes: prefixes are shared by whole blocks


class VllmPrefill:
    """vLLM's pooling runner on the model in ``folder``: hidden states in float32."""

    def __init__(self, folder: Path, runtime: RuntimeParams, longest: int) -> None:
        _prepare(runtime)
        from vllm.config import PoolerConfig

        pooler = PoolerConfig(task="token_embed", use_activation=False)
        tokens = _batched_tokens(runtime, longest)
        room = _room(folder, runtime, longest, STEPS_CACHED * tokens)
        room["max_num_seqs"] = max(runtime.max_num_seqs, _PREFILL_SEQUENCES)  # most share what they hold
        self._llm = _open(folder, runtime, longest, tokens, runner="pooling", pooler_config=pooler, **room)

    def hidden_states(self, sequences: Sequence[list[int]], first_rows: Sequence[int]) -> "list[torch.Tensor]":
        """See Prefill.hidden_states."""
        self._llm.reset_prefix_cache()  # what other calls have left would change how this one is cut into steps
        outputs = _past_the_hit(self._encode, sequences, first_rows)
        return [o.outputs.data[first - len(ids) :] for o, first, ids in zip(outputs, first_rows, sequences, strict=True)]

    def _encode(self, sequences: Sequence[list[int]], *, skip_reading_prefix_cache: bool) -> list[Any]:
        from vllm import PoolingParams

        params = PoolingParams(task="token_embed", use_activation=False, skip_reading_prefix_cache=skip_reading_prefix_cache)
        return self._llm.encode(_prompts(sequences), pooling_params=params, pooling_task="token_embed", use_tqdm=False)


class VllmEngine:
    """vLLM on the model in ``folder``, in float32 on CPU and the model's own type on CUDA."""

    def __init__(self, folder: Path, runtime: RuntimeParams, longest: int) -> None:
        _prepare(runtime)
        self._folder, self._runtime, self._on_cuda = folder, runtime, pick_device(runtime.device) == "cuda"
        room = _room(folder, runtime, longest, runtime.max_num_seqs * _blocks(longest + 1) * CPU_BLOCK)
        self._max_tokens, self._max_seqs = _batched_tokens(runtime, longest), room["max_num_seqs"]
        if not self._on_cuda:
            self._max_tokens = max(self._max_tokens, _WRITER_TOKENS)
        self._llm = _open(folder, runtime, longest, self._max_tokens, logprobs_mode="raw_logprobs", **room)

    def next_logprobs(self, sequences: Sequence[list[int]], starts: Sequence[int]) -> list[np.ndarray]:
        """See Engine.next_logprobs. On CPU vLLM would read most of a question again for each answer; transformers does it."""
        return self.prompt_logprobs(sequences, starts) if self._on_cuda else self._reader.next_logprobs(sequences, starts)

    def prompt_logprobs(self, sequences: Sequence[list[int]], starts: Sequence[int]) -> list[np.ndarray]:
        """The same, by vLLM itself."""
        outputs = _past_the_hit(self._score, sequences, [start - 1 for start in starts])
        # One entry a token, the first token apart. Counted from the end, since a runner may leave out what was cached.
        return [
            np.asarray(output.prompt_logprobs.logprobs, dtype=np.float32)[start - len(ids) :]
            for output, start, ids in zip(outputs, starts, sequences, strict=True)
        ]

    @cached_property
    def _reader(self) -> TransformersEngine:
        return TransformersEngine(self._folder, self._runtime)

    def forget_prefixes(self) -> None:
        """Empty the prefix cache."""
        self._llm.reset_prefix_cache()

    def _score(self, sequences: Sequence[list[int]], *, skip_reading_prefix_cache: bool) -> list[Any]:
        from vllm import SamplingParams

        sampling = SamplingParams(
            temperature=0.0,
            max_tokens=1,
            prompt_logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            skip_reading_prefix_cache=skip_reading_prefix_cache,
        )
        return self._outputs(sequences, sampling)

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
        return self._llm.generate(_prompts(prompts), sampling, use_tqdm=False)

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


def _past_the_hit(ask: Callable[..., list[Any]], sequences: Sequence[list[int]], first_rows: Sequence[int]) -> list[Any]:
    """``ask`` for every sequence; where a hit in the prefix cache hid a row from ``first_rows[i]`` on, once more without it."""
    outputs = ask(sequences, skip_reading_prefix_cache=False)
    hidden = [index for index, output in enumerate(outputs) if (output.num_cached_tokens or 0) > first_rows[index]]
    if hidden:
        again = ask([sequences[index] for index in hidden], skip_reading_prefix_cache=True)
        for index, output in zip(hidden, again, strict=True):
            outputs[index] = output
    return outputs


def _prepare(runtime: RuntimeParams) -> None:
    """Set what vLLM reads when it is imported. Raises InputError when it can't be."""
    # In-process: the engine starts in a fifth of the time and its worker is not bound to one core.
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    quiet_libraries()
    if pick_device(runtime.device) == "cpu":
        keep_freed_memory()
    try:
        import vllm  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"the vLLM engine can't be imported ({error}); install nevermet[cpu] or nevermet[gpu], or set "
            "engine to transformers in the sections that have one (in params.yaml: elicit, teacher, evaluate)."
        ) from None


def _open(folder: Path, runtime: RuntimeParams, longest: int, tokens: int, **settings: Any) -> Any:
    from vllm import LLM

    check_weights(folder)
    on_cuda = pick_device(runtime.device) == "cuda"
    return LLM(
        model=str(folder),
        dtype="auto" if on_cuda else "float32",
        ir_op_priority={} if on_cuda else norms_by_kernel(),
        max_model_len=longest + 1,
        enable_prefix_caching=True,
        max_num_batched_tokens=tokens,
        enforce_eager=True,
        disable_log_stats=True,
        use_tqdm_on_load=False,
        seed=0,
        **settings,
    )


def _room(folder: Path, runtime: RuntimeParams, longest: int, tokens: int) -> dict[str, Any]:
    """Settings of the cache of keys and values: on a CPU for ``tokens``, as far as ``runtime.cpu_kv_cache_gib`` goes.

    ``max_num_seqs`` is at most what it holds of the longest, so that none gives way to another and is begun anew.
    Raises InputError when it holds not one.
    """
    if pick_device(runtime.device) == "cuda":
        return {"max_num_seqs": runtime.max_num_seqs, "gpu_memory_utilization": runtime.gpu_memory_utilization}
    from transformers import AutoConfig

    block = CPU_BLOCK * cached_bytes(AutoConfig.from_pretrained(folder).get_text_config())
    own = _blocks(longest + 1)
    most = runtime.cpu_kv_cache_gib * 2**30 // block - 1  # vLLM keeps one for itself
    if most < own:
        raise InputError(
            f"params.yaml: runtime.cpu_kv_cache_gib is {runtime.cpu_kv_cache_gib}, but a text of {longest + 1} tokens takes "
            f"{(own + 1) * block / 2**30:.1f} GiB in this model; raise it, or shorten the texts."
        )
    blocks = min(max(_blocks(tokens), own), most)
    sequences = min(runtime.max_num_seqs, blocks // own)
    return {"max_num_seqs": sequences, "block_size": CPU_BLOCK, "kv_cache_memory_bytes": (blocks + 1) * block}


def cached_bytes(config: Any) -> int:
    """Of a token's keys and values in all layers, in float32. A model without attention counts as one with a single head."""
    heads = getattr(config, "num_attention_heads", None) or 1
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    return 2 * 4 * int(config.num_hidden_layers * (getattr(config, "num_key_value_heads", None) or heads) * width)


def _blocks(tokens: int) -> int:
    return -(-tokens // CPU_BLOCK)


def _batched_tokens(runtime: RuntimeParams, longest: int) -> int:
    return max(runtime.max_num_batched_tokens, longest + 1)


def _prompts(sequences: Sequence[list[int]]) -> list[Any]:
    from vllm import TokensPrompt

    return [TokensPrompt(prompt_token_ids=ids) for ids in sequences]


def _answer(completion: Any) -> list[int]:
    """A completion's tokens, without the one that ended it."""
    ids = list(completion.token_ids)
    return ids[:-1] if completion.finish_reason == "stop" and ids else ids
