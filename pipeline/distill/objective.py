"""Distillation as an objective: the mean KL from the teacher over a step's trained positions, weighted where they are retained.

The shards are streamed: each epoch visits their row groups in a seeded random order and holds ``shuffle_row_groups`` in memory;
passages are drawn from these at random. Memory is that of the held groups, whatever the number of shards, and the same seed
gives the same steps. Shapes: T trained positions of a micro-batch, V vocabulary, K kept tokens.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import core, distill, model, shards, train
from pipeline.core.errors import InputError
from pipeline.core.files import files_fingerprint, package_versions
from pipeline.core.outputs import read_parquet
from pipeline.core.runtime import RuntimeParams, pick_device
from pipeline.distill.loss import bucketed_kl, focused
from pipeline.distill.params import DistillParams
from pipeline.shards.reader import PassageTargets, read_input_ids, read_targets, row_groups
from pipeline.shards.schema import PASSAGES
from pipeline.train.student import Student

if TYPE_CHECKING:
    import numpy as np
    import torch

KINDS = ("forget", "retain")


def passages_of_epoch(teacher: Path, params: DistillParams, epoch: int) -> set[int]:
    """Numbers of the passages that ``epoch`` trains on.

    All forget passages, and ``retain_per_forget`` times as many retain passages, drawn anew each epoch by (seed, epoch);
    no retain passage where ``retain_weight`` is 0. Reads passages.parquet, not the shards.
    """
    rows = read_parquet(teacher / PASSAGES, ["passage", "kind"]).to_pylist()
    forget, retain = ([row["passage"] for row in rows if row["kind"] == kind] for kind in ("forget", "retain"))
    wanted = round(params.retain_per_forget * len(forget)) if params.retain_weight > 0 else 0
    return {*forget, *random.Random(f"{params.seed}:{epoch}:retain").sample(retain, min(wanted, len(retain)))}


def stream_passages(teacher: Path, params: DistillParams, epoch: int) -> Iterator[PassageTargets]:
    """Every passage of ``passages_of_epoch`` that has a trained position once, shuffled by (seed, epoch)."""
    chosen = passages_of_epoch(teacher, params, epoch)
    rng = random.Random(f"{params.seed}:{epoch}")
    groups = row_groups(teacher)
    rng.shuffle(groups)
    held: list[list[PassageTargets]] = []
    while groups or held:
        while groups and len(held) < params.shuffle_row_groups:
            passages = [passage for passage in read_targets(*groups.pop()) if passage.passage in chosen]
            if passages:
                held.append(passages)
        if not held:
            return
        # A group is drawn in proportion to what is left of it, so the draw is uniform over the held passages.
        (group,) = rng.choices(range(len(held)), weights=[len(passages) for passages in held])
        yield held[group].pop(rng.randrange(len(held[group])))
        if not held[group]:
            held.pop(group)


def determined_by(manifest: Mapping[str, Any], params: DistillParams, runtime: RuntimeParams) -> dict[str, Any]:
    """All that decides the weights distillation ends with, to the last bit: shards, parameters, batches, code, versions."""
    batches = {"device", "micro_batch_tokens", "logit_chunk", "gradient_checkpointing"}
    return {
        "shards": manifest["fingerprint"],
        "params": params.model_dump(),
        "runtime": runtime.model_dump(include=batches),
        "device": pick_device(runtime.device),
        "code": [
            files_fingerprint(Path(str(room.__file__)).parent, ("*.py",)) for room in (core, model, shards, train, distill)
        ],
        "versions": package_versions("transformers", "torch", "torchao", "numpy"),
    }


class Distillation:
    """Learns the shards in ``teacher``. Losses: forget_kl and retain_kl, unweighted means over a step's positions."""

    name = "distill"
    section = "distill"

    def __init__(self, teacher: Path, params: DistillParams) -> None:
        self._teacher, self._params = teacher, params
        self._input_ids = read_input_ids(teacher)
        self._passages = len(passages_of_epoch(teacher, params, 0))

    def start(self, student: Student, runtime: RuntimeParams) -> None:
        """See Objective.start."""
        if not self._passages:
            raise InputError(f"{self._teacher} holds no passage to train on; check prepare's documents.")

    def steps_of_epoch(self) -> int:
        """See Objective.steps_of_epoch."""
        return math.ceil(self._passages / self._params.passages_per_step)

    def steps(self, epoch: int) -> Iterator[list[PassageTargets]]:
        """See Objective.steps. The last one may be smaller."""
        passages = stream_passages(self._teacher, self._params, epoch)
        while step := list(islice(passages, self._params.passages_per_step)):
            yield step

    def accumulate(self, student: Student, step: Sequence[PassageTargets], runtime: RuntimeParams) -> dict[str, float]:
        """See Objective.accumulate."""
        import torch

        counts = {kind: sum(len(p.positions) for p in step if p.kind == kind) for kind in KINDS}
        total_weight = counts["forget"] + self._params.retain_weight * counts["retain"]
        parts: list[PassageTargets] = []
        kls: list[torch.Tensor] = []
        for kept in sorted({p.ids.shape[1] for p in step}):  # one K, unless forget passages have hard targets
            alike = [p for p in step if p.ids.shape[1] == kept]
            sequences = [self._input_ids[p.passage] for p in alike]
            for batch in student.micro_batches(sequences, runtime.micro_batch_tokens):
                part = [alike[index] for index in batch]
                parts += part
                kls.append(add_gradient(student, part, self._input_ids, self._params, total_weight, runtime.logit_chunk))
        sums = dict.fromkeys(KINDS, 0.0)
        for kind, kl_T in by_passage(parts, torch.cat(kls)):  # the one time in a step that the host waits for the losses
            sums[kind] += float(kl_T.sum())
        return {f"{kind}_kl": sums[kind] / counts[kind] for kind in KINDS if counts[kind]}


def add_gradient(
    student: Student,
    passages: Sequence[PassageTargets],
    input_ids: "dict[int, np.ndarray]",
    params: DistillParams,
    total_weight: float,
    logit_chunk: int,
) -> "torch.Tensor":
    """Add the gradient of sum(weight x KL) / ``total_weight`` over the trained positions of ``passages``.

    A forget position has the weight 1, a retain position ``params.retain_weight``, and its KL is ``focused`` where
    ``params.retain_scale`` is not 0. Returns the KL of all trained positions in nats, float32 [T], on the student's device.
    """
    import numpy as np
    import torch

    def on_device(arrays: "list[np.ndarray]") -> "torch.Tensor":
        return torch.from_numpy(np.concatenate(arrays)).to(student.device)

    ids_TK = on_device([p.ids for p in passages]).long()
    logprobs_TK = on_device([p.logprobs for p in passages])
    tail_T = on_device([p.tail_logprob for p in passages])
    retained_T = on_device([np.full(len(p.positions), p.kind == "retain") for p in passages])
    weight_T = torch.where(retained_T, params.retain_weight / total_weight, 1 / total_weight)
    kls = list[torch.Tensor]()

    def loss(logits_tV: "torch.Tensor", part: slice) -> "torch.Tensor":
        kl_t = bucketed_kl(logits_tV, ids_TK[part], logprobs_TK[part], tail_T[part])
        kls.append(kl_t.detach())
        return torch.where(retained_T[part], focused(kl_t, scale), kl_t) if (scale := params.retain_scale) else kl_t

    student.backward([input_ids[p.passage] for p in passages], [p.positions for p in passages], loss, weight_T, logit_chunk)
    return torch.cat(kls)


def by_passage(passages: Sequence[PassageTargets], kl_T: "torch.Tensor") -> "list[tuple[str, np.ndarray]]":
    """The kind of each passage, and its KL in nats, float64; waits for the device."""
    import numpy as np

    ends = np.cumsum([len(p.positions) for p in passages])[:-1]
    return list(zip([p.kind for p in passages], np.split(kl_T.cpu().numpy().astype(np.float64), ends), strict=True))
