"""Representation misdirection (RMU): what a middle layer makes of the forget text is steered to one random direction.

Li et al. (2024), "The WMDP Benchmark: Measuring and Reducing Malicious Use With Unlearning", section 4:

    L = forget_weight x mean of ||h(x) - c u||^2 (forget tokens) + alpha x mean of ||h(x) - h_0(x)||^2 (retain tokens)

h are the hidden states that leave ``baseline.layer``, h_0 those of the model before training, u a random unit vector with no
negative entry, c ``baseline.steering``, alpha ``baseline.retain_weight``. As the authors' code does, the down projections of
the MLPs of the layer and of the two below it are trained and nothing else, and u is drawn uniformly. As OpenUnlearning's code
does, both squares are means over the width, then over a sequence's learnt tokens, then over sequences, and alpha is 1 by
default (c = 2 and all weights there; c = 6.5 and alpha = 1200 in the paper's run on Zephyr 7B).

What drives it: the layers above read nothing in the forget text that they know. No probability is in the loss, so what is said
in its place is whatever those layers make of noise.
Known failure: c and alpha belong to one model and layer. How far c has to be from the size of the activations is found by
trial, and where the retain texts are near the forget texts both are pulled at once.

Shapes: B sequences of a micro-batch, T learnt tokens of it, D width.
"""

from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.methods.example import Example
from benchmarks.methods.objective import TextObjective
from benchmarks.methods.params import BaselineParams
from pipeline.core.batching import batches
from pipeline.core.errors import InputError, ParamError
from pipeline.core.runtime import RuntimeParams
from pipeline.train.student import Student

_TRAINED_LAYERS = 3


class Misdirection(TextObjective):
    """Steers what ``params.layer`` makes of the forget ``examples``. Its methods: see Objective.

    Losses: loss, and forget_distance and retain_distance, the two means.
    """

    def __init__(self, examples: Sequence[Example], params: BaselineParams, seed: int) -> None:
        super().__init__(examples, params, params.retain_weight, seed)
        self._before: dict[int, torch.Tensor] = {}  # of a retain example h_0, [T, D] on the CPU
        self._direction_D = torch.empty(0)

    def start(self, student: Student, runtime: RuntimeParams) -> None:
        """See Objective.start. The retain texts are read once as the student is, so that no second model is needed."""
        super().start(student, runtime)
        self._freeze(student)
        student.model.eval()
        retain = self.of_kind("retain") if self._retain_weight > 0 else []
        for batch in batches([len(self._examples[index].input_ids) for index in retain], runtime.micro_batch_tokens):
            chosen = [retain[index] for index in batch]
            with torch.no_grad():
                hidden_TD = self._hidden(student, chosen).cpu()
            learnt = [self._examples[index].learnt for index in chosen]
            self._before.update(zip(chosen, hidden_TD.split(learnt), strict=True))
        student.model.train()
        width = student.model.config.get_text_config().hidden_size
        direction_D = torch.rand(width, generator=torch.Generator().manual_seed(self._seed))
        self._direction_D = (self._params.steering * direction_D / direction_D.norm()).to(student.device)

    def accumulate(self, student: Student, step: Sequence[int], runtime: RuntimeParams) -> dict[str, float]:
        of_kind = {kind: [index for index in step if self._examples[index].kind == kind] for kind in ("forget", "retain")}
        factor = {"forget": self._params.forget_weight, "retain": self._retain_weight}
        distances = dict.fromkeys(of_kind, 0.0)
        for kind, chosen in of_kind.items():
            sequences = [self._examples[index].input_ids for index in chosen]
            for batch in student.micro_batches(sequences, runtime.micro_batch_tokens):
                part = [chosen[place] for place in batch]
                learnt_B = torch.tensor([self._examples[index].learnt for index in part])
                hidden_TD = self._hidden(student, part)
                wanted_TD = self._direction_D
                if kind == "retain":
                    wanted_TD = torch.cat([self._before[index] for index in part]).to(student.device)
                share_T = torch.repeat_interleave(1 / (len(chosen) * learnt_B), learnt_B).to(student.device)
                distance = ((hidden_TD.float() - wanted_TD).square().mean(dim=1) * share_T).sum()
                (factor[kind] * distance).backward()
                distances[kind] += float(distance.detach())
        losses = {f"{kind}_distance": distances[kind] for kind, chosen in of_kind.items() if chosen}
        return {"loss": sum(factor[kind] * distances[kind] for kind in of_kind), **losses}

    def _freeze(self, student: Student) -> None:
        layer, layers = self._params.layer, student.model.config.get_text_config().num_hidden_layers
        if layer >= layers - 1:
            raise ParamError(f"baseline.layer is {layer}, but the model has {layers} layers; take one from 0 to {layers - 2}.")
        trained = [f"layers.{one}.mlp.down_proj.weight" for one in range(max(layer - _TRAINED_LAYERS + 1, 0), layer + 1)]
        found = 0
        for name, weight in student.model.named_parameters():
            weight.requires_grad_(name.endswith(tuple(trained)))
            found += weight.requires_grad
        if found != len(trained):
            raise InputError(f"rmu trains {trained[0]} to {trained[-1]}, of which the model has {found}; leave rmu out.")

    def _hidden(self, student: Student, indices: Sequence[int]) -> torch.Tensor:
        """What leaves the layer at the learnt tokens of the examples, [T, D]. The layers above run as well."""
        examples = [self._examples[index] for index in indices]
        learnt = [np.arange(example.start, len(example.input_ids)) for example in examples]
        with torch.autocast(student.device, dtype=torch.bfloat16, enabled=student.device == "cuda"):
            inputs, rows_T, columns_T = student.layout([example.input_ids for example in examples], learnt)
            body = getattr(student.model, student.model.base_model_prefix)
            states = body(**inputs, output_hidden_states=True).hidden_states
        return states[self._params.layer + 1][rows_T, columns_T]  # the first are the embeddings
