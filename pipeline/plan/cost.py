"""What teacher and distill will do: renderings, tokens, floating-point operations, bytes.

Counts are exact where a pass over the passages gives them, and scaled up from rendered ones where rendering all would take as
long as a part of the run. A product with a weight counts as two operations; attention over these short texts is left out.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.core.batching import trees
from pipeline.core.errors import InputError, first_line
from pipeline.core.runtime import RuntimeParams
from pipeline.distill.params import DistillParams
from pipeline.engines.vllm_engine import CPU_BLOCK, STEPS_CACHED, cached_bytes
from pipeline.shards.schema import shard_bytes
from pipeline.teacher.average import BLOCK_ROWS
from pipeline.teacher.build import BATCH_TOKENS
from pipeline.teacher.counterfactuals import Renderer
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import in_order
from pipeline.teacher.survey import Names
from pipeline.text.passages import Passage
from pipeline.text.tokenizer import Tokenizer
from pipeline.train.student import TREE_TOKENS

RENDERED = 400  # passages, at most
BLOCK = {"cpu": CPU_BLOCK, "cuda": 16}  # tokens by which vLLM shares prefixes
LIBRARIES = 1.0e9  # bytes of a process that has loaded torch and transformers, or vLLM


@dataclass(frozen=True)
class Shape:
    """A causal model by its numbers of weights."""

    body: int  # weights that every token passes
    head: int  # V x D
    weights: int  # all, shared ones once
    width: int
    layers: int
    vocabulary: int
    cached: int  # bytes of a token's keys and values in float32


def model_shape(folder: Path) -> Shape:
    """The shape that ``folder``/config.json describes, without weights. Raises InputError where it is no causal model's."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = first_line(error)
        raise InputError(f"{folder}: config.json describes no causal model that transformers knows ({reason}).") from None
    weights, text = sum(weight.numel() for weight in model.parameters()), config.get_text_config()
    tables = {id(table.weight): table.weight.numel() for table in (model.get_input_embeddings(), model.get_output_embeddings())}
    head = model.get_output_embeddings().weight.numel()
    body = weights - sum(tables.values())
    return Shape(body, head, weights, text.hidden_size, text.num_hidden_layers, text.vocab_size, cached_bytes(text))


@dataclass(frozen=True)
class Work:
    """What a run reads and learns."""

    passages: int
    renderings: float
    tokens: float  # of all renderings
    computed_tokens: float  # of them, without what a batch has read already
    head_rows: float  # positions under all names, for which the head is applied
    positions: float  # rows of the shards
    student_tokens: float  # of all passages as they stand in the shards, once
    student_computed: float  # of them, where a step's passages begin alike that once
    student_positions: float
    forget_share: float  # of the passages

    def times(self, factor: float) -> "Work":
        """The same for ``factor`` times as many people."""
        counts = {key: value * factor for key, value in vars(self).items() if key != "forget_share"}
        return replace(self, **{**counts, "passages": round(counts["passages"])})

    def epoch_share(self, params: DistillParams) -> float:
        """The share of all passages that an epoch trains on."""
        wanted = params.retain_per_forget * self.forget_share if params.retain_weight else 0.0
        return self.forget_share + min(1.0 - self.forget_share, wanted)


def count_work(
    passages: Iterable[Passage], names: Names, params: TeacherParams, tokenizer: Tokenizer, device: str, step: int
) -> Work:
    """Count all passages, render some of them.

    ``device``, cpu or cuda, decides how much is shared. ``step``: passages of a step of training, which reads once what they
    share; a model that can't (see TreeReader) computes all ``student_tokens``.
    """
    block = BLOCK[device]
    renderer = Renderer(tokenizer, params, names)
    total = forget = 0
    for passage, _ in in_order(passages, params, tokenizer):
        total, forget = total + 1, forget + (passage.kind == "forget")
    sums = dict.fromkeys(("renderings", "tokens", "computed_tokens", "head_rows", "positions"), 0)
    sample, seen, students = set(random.Random(0).sample(range(total), min(total, RENDERED))), set(), list[list[int]]()
    for number, ordered in enumerate(in_order(passages, params, tokenizer)):
        if number not in sample:
            continue
        one = renderer.render(*ordered)
        trained = len(one.alignment.boundaries)
        for rendering in one.renderings:
            ids, hit = rendering.read_ids, 0
            for end in range(block, rendering.first_row + 1, block):
                key = tuple(ids[:end])
                hit = end if key in seen else hit
                seen.add(key)
            sums["tokens"] += len(ids)
            sums["computed_tokens"] += len(ids) - hit
        sums["renderings"] += len(one.renderings)
        sums["head_rows"] += trained * (len(one.scored) + bool(one.base))
        sums["positions"] += trained
        students.append(one.original.input_ids)
    random.Random(0).shuffle(students)
    steps = (trees(students[start : start + step], TREE_TOKENS[device]) for start in range(0, len(students), step))
    sums["student_tokens"] = sum(map(len, students))
    sums["student_computed"] = sum(len(tree.input_ids) for in_step in steps for tree in in_step)
    scale = total / max(len(sample), 1)
    scaled = {key: value * scale for key, value in sums.items()}
    return Work(total, **scaled, student_positions=scaled["positions"], forget_share=forget / max(total, 1))


@dataclass(frozen=True)
class Cost:
    """Of both stages. Operations are of floating point, memory in bytes."""

    teacher_flops: float
    shard_bytes: float
    teacher_memory: float
    student_tokens: float  # that distill trains on, all epochs
    student_computed: float  # of them
    distill_flops: float
    distill_memory: float


def cost_of(
    work: Work, shape: Shape, teacher: TeacherParams, distill: DistillParams, runtime: RuntimeParams, cuda: bool
) -> Cost:
    """What ``work`` costs a model of ``shape``, on a CPU or on CUDA.

    Memory is the weights, what a batch holds, and for training gradients, AdamW's states and the activations of a micro-batch
    (about 34 numbers a token, layer and unit of width; Korthikanti et al., 2022, equation 2, without attention scores).
    """
    epochs = distill.epochs * work.epoch_share(distill)
    number = 2 if cuda else 4  # bytes
    cache = 0 if cuda else min(runtime.cpu_kv_cache_gib * 2**30, STEPS_CACHED * runtime.max_num_batched_tokens * shape.cached)
    hidden = 2 * 4 * BATCH_TOKENS * shape.width
    logits = 4 * shape.vocabulary
    layers = 1 if runtime.gradient_checkpointing else shape.layers
    activations = 34 / 2 * number * runtime.micro_batch_tokens * layers * shape.width
    return Cost(
        teacher_flops=2 * shape.body * work.computed_tokens + 2 * shape.head * work.head_rows,
        shard_bytes=shard_bytes(work.positions, teacher.kept),
        teacher_memory=LIBRARIES + number * (shape.weights + shape.head) + cache + hidden + BLOCK_ROWS * logits,
        student_tokens=epochs * work.student_tokens,
        student_computed=epochs * work.student_computed,
        distill_flops=6 * epochs * (shape.body * work.student_computed + shape.head * work.student_positions),
        distill_memory=LIBRARIES
        + shape.weights * (16 if distill.precision == "float32" else 6)
        + activations
        + 2 * runtime.logit_chunk * logits,
    )
