"""Unlearning by the likelihood of the forget text as an objective of the training loop, whatever its equation.

Shapes: S sequences of an optimizer step, B of a micro-batch, T learnt tokens of it. Nats.
"""

from collections.abc import Callable, Iterator, Sequence

import torch

from benchmarks.methods.equations import equation_of
from benchmarks.methods.example import KINDS, Example
from benchmarks.methods.finetune import learnt_logprobs
from benchmarks.methods.objective import TextObjective
from benchmarks.methods.params import BaselineParams
from pipeline.core.batching import batches
from pipeline.core.runtime import RuntimeParams
from pipeline.train.student import BATCH_COST, Student

Terms = Callable[[torch.Tensor], torch.Tensor]  # sequences' summed log-probabilities [B] to their part of the loss


class Likelihood(TextObjective):
    """Learns ``examples`` by the equation of ``params``. Its methods: see Objective.

    A forget example and its alternate, where the equation asks for one, go together.
    Losses: loss, and forget_nll, retain_nll and alternate_nll (nats a token) of the kinds in a step.
    """

    def __init__(self, examples: Sequence[Example], params: BaselineParams, seed: int) -> None:
        self._equation = equation_of(params)
        prefers = self._equation.needs_alternates
        super().__init__(examples, params, self._equation.retain_weight, seed, alternates=prefers)
        self._alternate = dict(zip(self.of_kind("forget"), self.of_kind("alternate"), strict=True)) if prefers else {}
        self._reference: dict[int, float] = {}

    def start(self, student: Student, runtime: RuntimeParams) -> None:
        super().start(student, runtime)
        if self._equation.needs_reference:
            self._reference = reference_logprobs(student, self._examples, runtime)

    def accumulate(self, student: Student, step: Sequence[int], runtime: RuntimeParams) -> dict[str, float]:
        rows = [row for index in step for row in (index, self._alternate.get(index)) if row is not None]
        examples = [self._examples[index] for index in rows]
        tokens_S = torch.tensor([example.learnt for example in examples], device=student.device)
        kind_S = torch.tensor([KINDS.index(example.kind) for example in examples], device=student.device)
        reference_S = torch.tensor([self._reference.get(index, 0.0) for index in rows], device=student.device)
        share_S = self._equation.shares(tokens_S, kind_S)
        logprob_S = torch.zeros(len(rows), device=student.device)
        loss = torch.zeros((), device=student.device)
        for batch in self._micro_batches(student, rows, runtime.micro_batch_tokens):

            def terms(logprob_B: torch.Tensor, batch: list[int] = batch) -> torch.Tensor:
                of_batch = self._equation.terms(logprob_B, tokens_S[batch], kind_S[batch], reference_S[batch])
                return (of_batch * share_S[batch]).sum()

            logprob_S[batch] = self._add_gradient(student, [examples[place] for place in batch], terms, runtime.logit_chunk)
            loss += terms(logprob_S[batch])
        of_kind = {kind: kind_S == number for number, kind in enumerate(KINDS)}
        nll = {
            f"{kind}_nll": float(-logprob_S[chosen_S].sum() / tokens_S[chosen_S].sum())
            for kind, chosen_S in of_kind.items()
            if chosen_S.any()
        }
        return {"loss": float(loss), **nll}

    def _micro_batches(self, student: Student, rows: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
        """Places in ``rows``; a forget example and its alternate, which stand beside each other, in one micro-batch."""
        pairs = [place for place, row in enumerate(rows) if row in self._alternate]
        inside = {place + beside for place in pairs for beside in (0, 1)}
        sequences = [self._examples[row].input_ids for row in rows]
        longest = [max(len(sequences[place]), len(sequences[place + 1])) for place in pairs]
        for batch in batches(longest, max_tokens // 2, BATCH_COST[student.device]):
            yield [pairs[number] + beside for number in batch for beside in (0, 1)]
        others = [place for place in range(len(rows)) if place not in inside]
        for batch in student.micro_batches([sequences[place] for place in others], max_tokens):
            yield [others[number] for number in batch]

    def _add_gradient(self, student: Student, examples: Sequence[Example], terms: Terms, logit_chunk: int) -> torch.Tensor:
        """Add the gradient of ``terms``, a function of the sequences' summed log-probabilities [B]; returns these."""
        counts = [example.learnt for example in examples]

        def weights(logprob_T: torch.Tensor) -> torch.Tensor:
            """The loss's derivative by each token's log-probability: that by the sum of its sequence."""
            with torch.enable_grad():
                logprob_B = _summed(logprob_T, counts).requires_grad_()
                (slope_B,) = torch.autograd.grad(terms(logprob_B), logprob_B)
            return torch.repeat_interleave(slope_B, torch.tensor(counts, device=slope_B.device))

        known = weights(torch.zeros(sum(counts), device=student.device)) if self._equation.linear else weights
        return _summed(student.backward(*learnt_logprobs(examples, student.device), known, logit_chunk), counts)


def sequence_logprobs(student: Student, examples: Sequence[Example], logit_chunk: int) -> torch.Tensor:
    """Summed log-probability of each example's learnt tokens, float32 [B], without gradient or dropout."""
    logprob_T = student.values(*learnt_logprobs(examples, student.device), logit_chunk)
    return _summed(logprob_T, [example.learnt for example in examples])


def reference_logprobs(student: Student, examples: Sequence[Example], runtime: RuntimeParams) -> dict[int, float]:
    """Of the forget and alternate ``examples``, by index, ``sequence_logprobs`` under the student as it is.

    Called before training, the student still is the frozen model, and no second one is needed.
    """
    read = [index for index, example in enumerate(examples) if example.kind != "retain"]
    reference: dict[int, float] = {}
    for batch in batches([len(examples[index].input_ids) for index in read], runtime.micro_batch_tokens):
        chosen = [read[index] for index in batch]
        logprobs = sequence_logprobs(student, [examples[index] for index in chosen], runtime.logit_chunk)
        reference.update(zip(chosen, logprobs.tolist(), strict=True))
    return reference


def _summed(values_T: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
    """Sums by sequence, [B]. By slices: adding by index is not deterministic on CUDA."""
    return torch.stack([part.sum() for part in values_T.split(list(counts))])
