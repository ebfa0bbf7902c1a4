"""Memory and rate of distill's training step, by precision and with or without gradient checkpointing.

A Llama of the given shape with random weights learns random targets. Each way of training has a process of its own, which
reports the peak (of CUDA's allocator; without CUDA of the process, libraries and loading included) and the rate after a first
step. Ratios are to the first row that fits. bfloat16 is for CUDA.

python benchmarks/training_memory.py --width 1024 --layers 8
"""

import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np

from pipeline.core.runtime import RuntimeParams
from pipeline.distill.objective import add_gradient
from pipeline.distill.params import DistillParams
from pipeline.model.params import Precision
from pipeline.shards.reader import PassageTargets
from pipeline.train.optimizer import Optimizer
from pipeline.train.student import open_student

GIB = 2**30
VOCABULARY, K, FIRST_ID = 32_000, 128, 3
WEIGHTS = {"forget": 1.0}


def build(folder: Path, width: int, layers: int) -> int:
    """Save a model with Llama 2's proportions (7B: width 4096, 32 layers); returns its number of weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=(width * 8 // 3 + 255) // 256 * 256,
        num_hidden_layers=layers,
        num_attention_heads=width // 128,
        max_position_embeddings=4096,
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def passages_of(passages: int, tokens: int, seed: int) -> tuple[list[PassageTargets], dict[int, np.ndarray]]:
    """Random texts, the second half of each with random targets of K tokens."""
    rng = np.random.default_rng(seed)
    positions = np.arange(tokens // 2, tokens - 1, dtype=np.int32)
    targets, input_ids = [], {}
    for number in range(passages):
        input_ids[number] = rng.integers(FIRST_ID, VOCABULARY, tokens).astype(np.int32)
        ids = np.stack([rng.choice(VOCABULARY, K, replace=False) for _ in positions]).astype(np.int32)
        logprobs = np.log(rng.dirichlet(np.ones(K + 1), len(positions))).astype(np.float32)
        targets.append(PassageTargets(number, "forget", positions, ids, logprobs[:, :K], logprobs[:, K]))
    return targets, input_ids


def measure(
    folder: Path, precision: Precision, checkpointing: bool, passages: int, tokens: int, steps: int
) -> tuple[int, float] | None:
    """Peak bytes and tokens a second, or None where the memory of the device is too small."""
    import torch

    runtime = RuntimeParams(micro_batch_tokens=passages * tokens, gradient_checkpointing=checkpointing)
    try:
        student = open_student(folder, precision, runtime)
        optimizer = Optimizer(student, DistillParams(precision=precision), steps + 1)
        started = time.monotonic()
        for step in range(steps + 1):
            targets, input_ids = passages_of(passages, tokens, step)
            total = float(sum(len(p.positions) for p in targets))
            if step == 1:  # the first one compiles and makes the states
                started = time.monotonic()
            add_gradient(student, targets, input_ids, WEIGHTS, total, runtime.logit_chunk)
            optimizer.clip()  # waits for the device
            optimizer.step()
        if student.device == "cuda":
            torch.cuda.synchronize()
    except torch.OutOfMemoryError:
        return None
    rate = steps * passages * tokens / (time.monotonic() - started)
    if student.device == "cuda":
        return torch.cuda.max_memory_allocated(), rate
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, rate


@click.command(help=__doc__)
@click.option("--width", default=1024, show_default=True, type=click.IntRange(min=128))
@click.option("--layers", default=8, show_default=True, type=click.IntRange(min=1))
@click.option("--passages", default=8, show_default=True, type=click.IntRange(min=1), help="Of a step.")
@click.option("--tokens", default=192, show_default=True, type=click.IntRange(min=8), help="Of a passage.")
@click.option("--steps", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--folder", type=click.Path(path_type=Path), help="Where the model is put meanwhile; the default is /tmp.")
def main(width: int, layers: int, passages: int, tokens: int, steps: int, folder: Path | None) -> None:
    import torch

    precisions: list[Precision] = ["float32", "bfloat16"] if torch.cuda.is_available() else ["float32"]
    spawn = get_context("spawn")
    with tempfile.TemporaryDirectory(dir=folder) as model:
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            weights = pool.submit(build, Path(model), width, layers).result()
        step = f"steps of {passages} passages of {tokens} tokens, all in one micro-batch"
        click.echo(f"{weights / 1e9:.2f} billion weights, {step}")
        columns = ("precision", "gradient checkpointing", "peak, GiB", "bytes a weight", "tokens a second")
        click.echo(f"| {' | '.join(columns)} | memory, rate to the first |\n|{' --- |' * (len(columns) + 1)}")
        first: tuple[int, float] | None = None
        for precision, checkpointing in product(precisions, (False, True)):
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                measured = pool.submit(measure, Path(model), precision, checkpointing, passages, tokens, steps).result()
            first = first or measured
            numbers = "out of memory | | |"
            if measured and first:
                (peak, rate), ratios = measured, (measured[0] / first[0], measured[1] / first[1])
                numbers = f"{peak / GIB:.1f} | {peak / weights:.1f} | {rate:.0f} | {ratios[0]:.2f}, {ratios[1]:.2f}"
            click.echo(f"| {precision} | {checkpointing} | {numbers} |")


if __name__ == "__main__":
    main()
