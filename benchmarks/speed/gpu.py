"""Rates and memory of scoring and of distillation on one CUDA card, at the shapes of Llama of 1B and 7B weights.

Random weights and texts. Scoring is a forward to the last hidden states, and head and softmax at half of the positions, with
weights and arithmetic in the same precision. A step of distill is forward, backward and optimizer, its arithmetic in bfloat16
on CUDA whatever its weights are. The share of the peak counts 2 N D operations for scoring and 6 N D for distill (N weights,
D tokens) against the rate of one large matrix product in the precision of the arithmetic, measured here. Each row has a
process of its own (not where it is tiny); a row that would begin after the time limit is left out, and said to be.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from benchmarks.speed.figure import alone, seconds
from benchmarks.speed.workload import Shape, Training, Workload, build_model
from pipeline.core.batching import padded
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.distill.params import DistillParams
from pipeline.model.folder import load_model
from pipeline.model.params import Precision
from pipeline.train.student import open_student

GIB = 2**30
SHAPES = {"1B": Shape(128_256, 2048, 8192, 16, 32, 8), "7B": Shape(32_000, 4096, 11_008, 32, 32, 32, tied=False)}
TINY = {"tiny": Shape(512, 64, 128, 2, 2, 1)}
COLUMNS = ("weights", "precision", "work", "tokens a second", "share of peak", "peak, GiB", "bytes a weight")
Work = Literal["score", "distill", "distill, gradient checkpointing"]


@dataclass(frozen=True)
class Size:
    """How much is done at once, and how often."""

    sequences: int
    tokens: int  # of a sequence
    repeats: int  # after a first time
    product: int  # rows and columns of the matrices whose product is the peak


@dataclass(frozen=True)
class Rate:
    """What a process measured."""

    tokens_per_second: float
    peak_bytes: int  # of CUDA's allocator, the model included; 0 without CUDA


FULL, SMALL = Size(8, 256, 6, 8192), Size(2, 16, 1, 256)


def rows(precisions: tuple[Precision, ...]) -> Iterator[tuple[Precision, Work]]:
    """What is measured at each shape, the most telling first."""
    for precision in precisions:
        yield precision, "score"
        yield precision, "distill"
    yield precisions[0], "distill, gradient checkpointing"


def peak_rate(precision: Precision, product: int) -> float:
    """Operations a second of a matrix product of ``product`` by ``product`` in ``precision``, the best of some."""
    import torch

    matrix = torch.randn(product, product, device=pick_device("auto"), dtype=getattr(torch, precision))
    return 2 * product**3 / min(seconds(lambda: matrix @ matrix) for _ in range(8))


def score(folder: Path, precision: Precision, size: Size) -> Rate:
    """Rate of scoring with the model in ``folder``."""
    import torch

    device = pick_device("auto")
    model, workload = load_model(folder, device, precision), _workload(folder, size)
    body, head = getattr(model, model.base_model_prefix), model.get_output_embeddings()

    def once() -> None:
        ids_BL, mask_BL = padded(list(workload.input_ids.values())[: size.sequences], device)
        with torch.inference_mode():
            hidden_BLD = body(input_ids=ids_BL, attention_mask=mask_BL, use_cache=False).last_hidden_state
            head(hidden_BLD[:, size.tokens // 2 :].flatten(0, 1)).softmax(-1)

    return _rate([once] * (size.repeats + 1), size)


def distill(folder: Path, precision: Precision, checkpointing: bool, size: Size) -> Rate:
    """Rate of distill's step with the model in ``folder``, whose weights are in ``precision``."""
    runtime = RuntimeParams(micro_batch_tokens=size.sequences * size.tokens, gradient_checkpointing=checkpointing)
    student, workload = open_student(folder, precision, runtime), _workload(folder, size)
    with tempfile.TemporaryDirectory() as teacher:
        training = Training(student, workload, Path(teacher) / "teacher", DistillParams(precision=precision), runtime)
        return _rate([partial(training.step, step) for step in workload.steps], size)


def measure(folder: Path, precision: Precision, work: Work, size: Size) -> Rate | str:
    """Rate of ``work``, or why there is none. Call it in a process of its own."""
    import torch

    try:
        return score(folder, precision, size) if work == "score" else distill(folder, precision, work != "distill", size)
    except torch.OutOfMemoryError:
        return "out of memory"
    except InputError as error:  # bfloat16 without torchao
        return str(error)


def cells(rate: Rate | str, weights: int, work: Work, peak: float) -> str:
    """The measured columns of a row of the table."""
    if isinstance(rate, str):
        return f"{rate} | | | |"
    operations = (2 if work == "score" else 6) * weights * rate.tokens_per_second
    memory = f"{rate.peak_bytes / GIB:.1f} | {rate.peak_bytes / weights:.1f}"
    return f"{rate.tokens_per_second:.0f} | {operations / peak:.0%} | {memory} |"


def _workload(folder: Path, size: Size) -> Workload:
    from transformers import AutoConfig

    vocabulary = int(AutoConfig.from_pretrained(str(folder)).vocab_size)
    length = (size.tokens, size.tokens)
    return Workload.random(size.repeats + 1, vocabulary, passages=size.sequences, tokens=length)


def _rate(times: list[Callable[[], None]], size: Size) -> Rate:
    """Of all ``times`` but the first, in which kernels are compiled and the optimizer makes its states."""
    import torch

    seconds(times[0])
    spent = sum(map(seconds, times[1:]))
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return Rate((len(times) - 1) * size.sequences * size.tokens / spent, peak)


def print_rates(tiny: bool, limit: float, folder: Path | None) -> None:
    """Print the table, of a ``tiny`` model or of 1B and 7B weights on CUDA; no row begins after ``limit`` seconds."""
    import torch

    cuda = torch.cuda.is_available()
    if not cuda and not tiny:
        raise click.ClickException("torch finds no CUDA device; --tiny runs without.")
    size = SMALL if tiny else FULL
    precisions: tuple[Precision, ...] = ("bfloat16", "float32") if cuda else ("float32",)
    ends = time.monotonic() + limit

    def apart(work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments) if tiny else alone(work, *arguments)  # the process of a tiny one starts longer than it runs

    peaks = {precision: peak_rate(precision, size.product) for precision in precisions}
    if cuda:
        torch.cuda.empty_cache()
        click.echo(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    for precision, peak in peaks.items():
        click.echo(f"peak by a matrix product of {size.product} in {precision}: {peak / 1e12:.3f} TFLOP/s")
    click.echo(f"{size.sequences} sequences of {size.tokens} tokens at once")
    click.echo(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for name, shape in (TINY if tiny else SHAPES).items():
        with tempfile.TemporaryDirectory(dir=folder) as model:
            weights = apart(build_model, Path(model), shape)
            for precision, work in rows(precisions):
                label = f"| {name}, {weights:,} | {precision} | {work} |"
                if time.monotonic() > ends:
                    click.echo(f"{label} not measured, no time left | | | |")
                    continue
                rate = apart(measure, Path(model), precision, work, size)
                arithmetic = precision if work == "score" or not cuda else "bfloat16"
                click.echo(f"{label} {cells(rate, weights, work, peaks[arithmetic])}")
