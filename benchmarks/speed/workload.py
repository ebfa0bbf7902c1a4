"""What the benchmarks of distillation train: a Llama with random weights, and random passages with random targets.

Shapes: T trained positions, K kept tokens, V vocabulary.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core.progress import quiet_libraries
from pipeline.core.runtime import RuntimeParams
from pipeline.distill.objective import Distillation
from pipeline.distill.params import DistillParams
from pipeline.shards.reader import PassageTargets
from pipeline.shards.schema import PASSAGES
from pipeline.train.optimizer import Optimizer
from pipeline.train.student import Student

FIRST_ID = 3
Step = list[PassageTargets]


@dataclass(frozen=True)
class Shape:
    """A Llama."""

    vocabulary: int
    width: int
    inner: int  # of the MLP
    layers: int
    heads: int
    kv_heads: int
    tied: bool = True  # one table for embedding and head


SMOLLM2_135M = Shape(49_152, 576, 1536, 30, 9, 3)


def build_model(folder: Path, shape: Shape) -> int:
    """Save a model of ``shape`` in bfloat16, made on CUDA where there is one; returns its number of weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    quiet_libraries()
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=4096,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


@dataclass(frozen=True)
class Workload:
    """Steps of distillation and the token ids of their passages."""

    steps: list[Step]
    input_ids: dict[int, np.ndarray]

    @classmethod
    def random(
        cls,
        steps: int,
        vocabulary: int,
        *,
        passages: int = 8,
        tokens: tuple[int, int] = (30, 100),
        alike: int = 0,
        top_k: int = 128,
    ) -> "Workload":
        """Passages of ``tokens`` (least, most) tokens, at half of whose positions a teacher of ``top_k`` tokens is known.

        All begin with the same ``alike`` tokens, as chats do after one system prompt, and what is known comes after these.
        """
        rng = np.random.default_rng(0)
        input_ids, targets = {}, []
        beginning = rng.integers(FIRST_ID, vocabulary, alike)
        for number in range(steps * passages):
            length = int(rng.integers(tokens[0], tokens[1] + 1))
            input_ids[number] = rng.integers(FIRST_ID, vocabulary, length).astype(np.int32)
            input_ids[number][:alike] = beginning
            positions = alike + np.sort(rng.permutation(length - 1 - alike)[: length // 2]).astype(np.int32)
            ids = np.stack([rng.choice(vocabulary, top_k, replace=False) for _ in positions]).astype(np.int32)
            logprobs = np.log(rng.dirichlet(np.ones(top_k + 1), len(positions))).astype(np.float32)
            targets.append(PassageTargets(number, "forget", positions, ids, logprobs[:, :top_k], logprobs[:, top_k]))
        return cls([targets[start : start + passages] for start in range(0, len(targets), passages)], input_ids)

    def tokens(self, step: Step) -> int:
        """Tokens of ``step`` without padding."""
        return sum(len(self.input_ids[one.passage]) for one in step)

    def dense(self, one: PassageTargets, vocabulary: int) -> np.ndarray:
        """The same teacher over the whole vocabulary, its tail spread evenly, float32 [T, V]."""
        rest = np.exp(one.tail_logprob)[:, None] / (vocabulary - one.ids.shape[1])
        probs_TV = np.repeat(rest, vocabulary, axis=1).astype(np.float32)
        np.put_along_axis(probs_TV, one.ids.astype(np.int64), np.exp(one.logprobs), axis=1)
        return probs_TV

    def write_passages(self, teacher: Path) -> None:
        """What Distillation reads of a teacher's folder before the shards."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        teacher.mkdir()
        numbers = list(self.input_ids)
        columns = {"passage": numbers, "kind": ["forget"] * len(numbers), "input_ids": list(self.input_ids.values())}
        pq.write_table(pa.table(columns), teacher / PASSAGES)


class Training:
    """The stage's own training of ``student`` on a workload, a step at a time."""

    def __init__(self, student: Student, workload: Workload, teacher: Path, params: DistillParams, runtime: RuntimeParams):
        workload.write_passages(teacher)
        self.student, self._runtime = student, runtime
        self._objective, self._optimizer = Distillation(teacher, params), Optimizer(student, params, 10**6)

    def step(self, step: Step) -> None:
        """What pipeline.train.loop does with a step; the losses and the norm wait for the device."""
        self._objective.accumulate(self.student, step, self._runtime)
        self._optimizer.clip()
        self._optimizer.step()
