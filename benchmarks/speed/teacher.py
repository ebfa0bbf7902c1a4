"""The teacher beside a vLLM that reads every rendering whole for a list of log-probabilities; its bytes and its memory."""

import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

from benchmarks.speed.figure import Figure, alone
from benchmarks.speed.workload import SMOLLM2_135M, build_model
from pipeline.core.outputs import BASE_MODEL, PREPARED, check_folder
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.open import open_prefill
from pipeline.engines.vllm_engine import CPU_BLOCK
from pipeline.model.folder import TOKENIZER_FILES
from pipeline.teacher import build
from pipeline.teacher.counterfactuals import Renderer
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import in_order
from pipeline.text.names import read_names
from pipeline.text.passages import Passage, stream_passages
from pipeline.text.tokenizer import load_tokenizer

# Under all names, so that the few sentences share their prefixes as those of whole documents do.
PARAMS = TeacherParams(names_per_passage=0, forget_from=("given",), retain_from=())
RUNTIME = RuntimeParams()
LISTED = 128  # log-probabilities that the peer is asked for
LONGEST = 512  # tokens, above those of any rendering
SMALL = replace(SMOLLM2_135M, width=64, inner=128, layers=2, heads=1, kv_heads=1)
SMALL_BATCH = 4096  # tokens, so that the documents once are several batches


def teacher_figures(sentences: int = 8, rounds: int = 3) -> list[Figure]:
    """On the first ``sentences`` of each target of the project, with models/base; times are medians over ``rounds``."""
    for folder in (BASE_MODEL, PREPARED):
        check_folder(folder)
    unshared, shared, outside, dense = alone(beside_lists, of_each_target(sentences), rounds)
    grown = {times: alone(growth, times) for times in (1, 4, 16)}
    for times, (seconds, peak, written) in grown.items():
        click.echo(
            f"documents {times:2} times: {seconds:.1f} s, {peak / 1e9:.3f} GB at the peak, {written / 1e6:.2f} MB of shards"
        )
    (once_s, once_peak, once_bytes), (more_s, more_peak, more_bytes) = grown[1], grown[16]
    lists = f"for {LISTED} log-probabilities a token, unpacked into arrays and no more; seconds"
    return [
        Figure("teacher_time_over_unshared", statistics.median(unshared), "<= 0.5", f"vLLM reading them whole {lists}"),
        Figure("teacher_time_over_shared_lists", statistics.median(shared), "<= 1", f"vLLM reading its prefix cache {lists}"),
        Figure("teacher_outside_engine", statistics.median(outside), "<= 0.05", "all seconds of the build, engine open"),
        Figure("bytes_over_dense", dense, ">= 250", "the shards: bytes of a float32 a token of the vocabulary over theirs"),
        Figure("teacher_memory_16x_over_1x", more_peak / once_peak, "<= 1.05", f"once the documents, {once_peak / 1e9:.2f} GB"),
        Figure("teacher_time_16x_over_1x", more_s / once_s, "<= 16", "once the documents, a small model; seconds"),
        Figure("shard_bytes_16x_over_1x", more_bytes / once_bytes, "<= 16", "once the documents"),
    ]


def of_each_target(sentences: int) -> list[Passage]:
    """The first ``sentences`` forget passages of every target."""
    taken: dict[str, list[Passage]] = {}
    for passage in stream_passages(PREPARED):
        if passage.kind == "forget":
            taken.setdefault(passage.target, []).append(passage)
    return [passage for passages in taken.values() for passage in passages[:sentences]]


def beside_lists(passages: Sequence[Passage], rounds: int) -> tuple[list[float], list[float], list[float], float]:
    """Of each round, seconds of the build over those of lists without and with the prefix cache; its share outside the engine.

    Last, bytes of dense distributions over those of the shards.

    The engine's work is the forward pass, and the head with what is made of its rows.
    """
    import numpy as np
    from vllm import LLM, SamplingParams, TokensPrompt

    names, tokenizer = read_names(PREPARED), load_tokenizer(BASE_MODEL)
    renderer = Renderer(tokenizer, PARAMS, names)
    rendered = [renderer.render(*ordered) for ordered in in_order(passages, PARAMS, tokenizer)]
    prompts = [TokensPrompt(prompt_token_ids=one.input_ids) for passage in rendered for one in passage.renderings]
    prefill, spent = open_prefill("vllm", BASE_MODEL, RUNTIME, longest=LONGEST), [0.0]
    peer = LLM(
        str(BASE_MODEL), dtype="float32", max_model_len=LONGEST, max_logprobs=LISTED, enable_prefix_caching=True,
        block_size=CPU_BLOCK, max_num_batched_tokens=2048, max_num_seqs=64, enforce_eager=True, disable_log_stats=True,
        use_tqdm_on_load=False, kv_cache_memory_bytes=RUNTIME.cpu_kv_cache_gib * 2**30,
    )  # fmt: skip

    def timed(call: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        result = call(*arguments)
        spent[0] += time.perf_counter() - started
        return result

    def list_seconds(*, skip_cache: bool) -> float:
        asked = SamplingParams(
            temperature=0.0, max_tokens=1, prompt_logprobs=LISTED, flat_logprobs=True, detokenize=False,
            skip_reading_prefix_cache=skip_cache,
        )  # fmt: skip
        peer.reset_prefix_cache()
        started = time.perf_counter()
        for output in peer.generate(prompts, asked, use_tqdm=False):
            listed: Any = output.prompt_logprobs
            np.asarray(listed.token_ids), np.asarray(listed.logprobs)
        return time.perf_counter() - started

    hidden_states, teach, manifest = prefill.hidden_states, build.teach, {}
    unshared, shared, outside = [], [], []
    with (
        patch.object(build, "open_prefill", lambda *_, **__: prefill),
        patch.object(prefill, "hidden_states", lambda *arguments: timed(hidden_states, *arguments)),
        patch.object(build, "teach", lambda *arguments: timed(teach, *arguments)),
        tempfile.TemporaryDirectory() as folder,
    ):
        for number in range(rounds + 1):  # the first one warms both up
            spent[0], started = 0.0, time.perf_counter()
            manifest = build.build_shards(BASE_MODEL, PARAMS, RUNTIME, passages, names, Path(folder, "teacher"))
            ours = time.perf_counter() - started
            whole, cached = list_seconds(skip_cache=True), list_seconds(skip_cache=False)
            if number:
                unshared.append(ours / whole)
                shared.append(ours / cached)
                outside.append(1 - spent[0] / ours)
    return unshared, shared, outside, 4 * len(tokenizer) / manifest["bytes_per_position"]


def growth(times: int) -> tuple[float, int, int]:
    """Seconds, peak resident set and bytes of the shards of a build on the same sentences ``times`` over, with a small model.

    transformers reads it, and names and prompts are the project's.
    """
    params = PARAMS.changed(engine="transformers")
    with tempfile.TemporaryDirectory() as folder, patch.object(build, "BATCH_TOKENS", SMALL_BATCH):
        model = Path(folder, "model")
        build_model(model, SMALL)
        for name in TOKENIZER_FILES:
            if (BASE_MODEL / name).exists():
                shutil.copyfile(BASE_MODEL / name, model / name)
        passages = [replace(one, document=number) for number in range(times) for one in of_each_target(2)]
        started = time.perf_counter()
        manifest = build.build_shards(model, params, RUNTIME, passages, read_names(PREPARED), Path(folder, "teacher"))
        seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, manifest["bytes"]
