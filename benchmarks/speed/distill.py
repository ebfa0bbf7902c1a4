"""The training step of distill beside a bare forward and backward, and beside a Trainer with dense targets."""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.speed.figure import Figure, alone, seconds, wait
from benchmarks.speed.workload import SMOLLM2_135M, Shape, Step, Training, Workload, build_model
from pipeline.core.batching import padded
from pipeline.core.runtime import RuntimeParams, free_memory
from pipeline.distill.params import DistillParams
from pipeline.model.folder import load_model
from pipeline.train.optimizer import BETAS
from pipeline.train.student import Student, open_student

VOCABULARY_152K = Shape(151_936, 256, 768, 4, 4, 2)
ALIKE = 24  # tokens that all passages of the default run begin with, the chat template's system prompt
PARAMS, RUNTIME = DistillParams(warmup_fraction=0.0), RuntimeParams()
Side = Literal["distill", "dense"]
SIDES: tuple[Side, Side] = ("distill", "dense")
Passage = tuple[np.ndarray, np.ndarray, np.ndarray]  # token ids, T trained positions, probabilities [T, V]
BARE = "a forward through the body, the head at the trained positions, and a backward from a constant gradient"
TRAINER = "transformers.Trainer with dense float32 targets at the trained positions and the full KL over them"


def distill_figures(shape: Shape = SMOLLM2_135M, large: Shape = VOCABULARY_152K, rounds: int = 7) -> list[Figure]:
    """Rates at ``shape``, medians over ``rounds``, and memory at ``large``, on the device that ``auto`` takes."""
    with tempfile.TemporaryDirectory() as folder:
        bare, with_adamw = bare_ratios(Path(folder), shape, rounds)
    dense, dense_152k = (trainer_ratio(one, rounds) for one in (shape, replace(shape, vocabulary=large.vocabulary)))
    return [
        Figure("distill_over_bare", statistics.median(bare), ">= 0.92", f"{BARE}; tokens a second, the same batches"),
        Figure("distill_over_bare_with_adamw", statistics.median(with_adamw), ">= 0.92", f"{BARE}, then a step of fused AdamW"),
        Figure("distill_over_dense_trainer", dense, ">= 1.5", f"{TRAINER}; tokens a second"),
        Figure("distill_over_dense_trainer_152k", dense_152k, ">= 1.5", f"{TRAINER}; the same body with a larger vocabulary"),
        Figure("distill_memory_over_dense_152k", memory_ratio(large), "<= 0.5", f"{TRAINER}; peak above the loaded model"),
    ]


def bare_ratios(folder: Path, shape: Shape, rounds: int) -> tuple[list[float], list[float]]:
    """Of each round, the rate of a training step over that of the bare one, without and with AdamW; one model for both."""
    import torch

    student, workload = _student(folder, shape), Workload.random(rounds + 1, shape.vocabulary, alike=ALIKE)
    training = Training(student, workload, folder / "teacher", PARAMS, RUNTIME)
    adamw = torch.optim.AdamW(student.model.parameters(), lr=PARAMS.learning_rate, betas=BETAS, weight_decay=0.0, fused=True)
    times = []
    for step in workload.steps:
        ours = seconds(partial(training.step, step))
        bare = seconds(partial(_bare, student, workload, step))
        update = seconds(adamw.step)
        adamw.zero_grad(set_to_none=True)
        times.append((bare / ours, (bare + update) / ours))
    without, with_adamw = zip(*times[1:], strict=True)  # in the first step AdamW makes its states
    return list(without), list(with_adamw)


def _bare(student: Student, workload: Workload, step: Step) -> None:
    """Forward and backward over the batches that distill makes of ``step``, without any loss."""
    import torch

    sequences = [workload.input_ids[one.passage] for one in step]
    for batch in student.micro_batches(sequences, RUNTIME.micro_batch_tokens):
        with torch.autocast(student.device, dtype=torch.bfloat16, enabled=student.device == "cuda"):
            hidden_TD = student.hidden([sequences[index] for index in batch], [step[index].positions for index in batch])
            logits_TV = student.model.get_output_embeddings()(hidden_TD)
        logits_TV.backward(torch.full_like(logits_TV, 1e-6))


def trainer_ratio(shape: Shape, rounds: int) -> float:
    """The rate of a training step over that of the Trainer, a model each, median of the rounds."""
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        student, workload = _student(folder, shape), Workload.random(rounds + 1, shape.vocabulary, alike=ALIKE)
        training = Training(student, workload, folder / "teacher", PARAMS, RUNTIME)

        def beside(number: int, dense: float) -> None:
            ours = seconds(lambda: training.step(workload.steps[number]))
            ratios.append(dense / ours)

        twin, targets = load_model(folder / "model", student.device).train(), DenseTargets(workload, shape.vocabulary)
        train_densely(twin, [targets[index] for index in range(len(targets))], len(workload.steps[0]), beside)
    return statistics.median(ratios[1:])


class DenseTargets:
    """The passages of ``workload`` with their teachers over the whole vocabulary, each made when it is asked for."""

    def __init__(self, workload: Workload, vocabulary: int) -> None:
        self._workload, self._vocabulary = workload, vocabulary
        self._passages = [one for step in workload.steps for one in step]

    def __len__(self) -> int:
        return len(self._passages)

    def __getitem__(self, index: int) -> Passage:
        one = self._passages[index]
        return self._workload.input_ids[one.passage], one.positions, self._workload.dense(one, self._vocabulary)


def train_densely(model: Any, passages: Any, size: int, after: Callable[[int, float], None]) -> None:
    """Train ``model`` by TRAINER once over ``passages`` in their order, ``size`` padded to one batch and step.

    The loss is the mean over the step's positions. ``after`` is called with each step's number and seconds, data included.
    """
    import torch
    from torch.nn.functional import kl_div
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    device = str(model.device.type)

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.started = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            wait()
            after(state.global_step - 1, time.perf_counter() - self.started)
            self.started = time.perf_counter()

    class DenseTrainer(Trainer):
        def compute_loss(self, model: Any, inputs: Mapping[str, Any], *_: Any, **__: Any) -> Any:
            logits_BLV = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits
            logprobs_TV = logits_BLV[inputs["rows"], inputs["positions"]].float().log_softmax(-1)
            return kl_div(logprobs_TV, inputs["probs"], reduction="batchmean")

    def collate(step: Sequence[Passage]) -> dict[str, torch.Tensor]:
        ids_BL, mask_BL = padded([ids for ids, _, _ in step], "cpu")
        rows_T = np.repeat(np.arange(len(step)), [len(positions) for _, positions, _ in step])
        positions_T = np.concatenate([positions for _, positions, _ in step]).astype(np.int64)
        return {
            "input_ids": ids_BL,
            "attention_mask": mask_BL,
            "rows": torch.from_numpy(rows_T),
            "positions": torch.from_numpy(positions_T),
            "probs": torch.from_numpy(np.concatenate([probs_TV for _, _, probs_TV in step])),
        }

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=size,
            num_train_epochs=1,
            train_sampling_strategy="sequential",
            learning_rate=PARAMS.learning_rate,
            lr_scheduler_type="linear",
            adam_beta1=BETAS[0],
            adam_beta2=BETAS[1],
            weight_decay=PARAMS.weight_decay,
            max_grad_norm=PARAMS.max_grad_norm,
            optim="adamw_torch_fused",
            bf16=device == "cuda",  # autocast, as the student has it
            use_cpu=device == "cpu",
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        trainer = DenseTrainer(model, arguments, collate, passages, callbacks=[Clock()])
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def memory_ratio(shape: Shape) -> float:
    """Peak bytes of two steps above the loaded model: distill's over the Trainer's, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ours, dense = (alone(peak_bytes, Path(folder) / side, shape, side) for side in SIDES)
    return ours / dense


def peak_bytes(folder: Path, shape: Shape, side: Side) -> int:
    """Peak of two steps above the loaded model: of CUDA's allocator, or of the process's resident set. Call it in a new one.

    The dense targets of a step are made when it comes, as if they were read from a disk. Neither side's libraries count.
    """
    import transformers.trainer  # noqa: F401

    folder.mkdir()
    workload = Workload.random(2, shape.vocabulary, alike=ALIKE)
    student = _student(folder, shape)
    training = Training(student, workload, folder / "teacher", PARAMS, RUNTIME)
    loaded = _restart_peak(student.device)
    if side == "distill":
        for step in workload.steps:
            training.step(step)
    else:
        train_densely(student.model, DenseTargets(workload, shape.vocabulary), len(workload.steps[0]), lambda *_: None)
    return _peak(student.device) - loaded


def _restart_peak(device: str) -> int:
    """Bytes in use; the peak counts from here."""
    import torch

    free_memory()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _peak(device)


def _peak(device: str) -> int:
    import torch

    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def _student(folder: Path, shape: Shape) -> Student:
    build_model(folder / "model", shape)
    return open_student(folder / "model", PARAMS.precision, RUNTIME)
