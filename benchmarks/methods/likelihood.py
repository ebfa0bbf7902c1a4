"""Unlearning by the likelihood of the forget text as an objective of the training loop, whatever its equation.

Shapes: S sequences of an optimizer step, B of a micro-batch, T learnt tokens of it. Nats.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from transformers import PreTrainedTokenizerBase

from benchmarks.methods.equations import equation_of
from benchmarks.methods.example import Example
from benchmarks.methods.finetune import learnt_logprobs
from benchmarks.methods.params import BaselineParams
from pipeline.core.batching import batches
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import group_sentences
from pipeline.teacher.rendering import passage_prefix, render
from pipeline.text.passages import Passage
from pipeline.train.student import Student

Terms = Callable[[torch.Tensor], torch.Tensor]  # sequences' summed log-probabilities [B] to their part of the loss


def make_examples(tokenizer: PreTrainedTokenizerBase, passages: Sequence[Passage], params: BaselineParams) -> list[Example]:
    """``passages`` (sentences, chats and retain texts, as prepared) as examples, forget ones first.

    As in the teacher: a forget document is grouped by ``sentences_per_passage`` and stands once after each prompt, a retain
    document after one of them in turn, a chat after its own question. Every token after that is learnt, names and all. No token
    ends a text: that texts end is not to be forgotten. A text too short to have a learnt token is left out.
    """
    prompts = params.prompts or ("",)
    grouped = list(group_sentences(passages, TeacherParams(sentences_per_passage=params.sentences_per_passage), tokenizer))
    forget, retain = ([passage for passage in grouped if passage.kind == kind] for kind in ("forget", "retain"))
    prompted = [(one, prompt) for one in forget for prompt in (prompts if one.format == "document" else ("",))]
    prompted += [(one, prompts[number % len(prompts)]) for number, one in enumerate(retain)]
    examples = []
    for passage, prompt in prompted:
        rendering = render(tokenizer, passage.segments, {}, passage_prefix(tokenizer, passage, prompt, passage.target, {}))
        kind: Literal["forget", "retain"] = "forget" if passage.kind == "forget" else "retain"
        examples.append(Example(tuple(rendering.input_ids), max(rendering.prefix_length, 1), kind))
    return [example for example in examples if example.learnt > 0]


class Likelihood:
    """Learns ``examples`` by the equation of ``params``; an item of a step is an index into them. Its methods: see Objective.

    Losses: loss, and forget_nll and retain_nll (nats a token) of the kinds in a step.
    """

    section = "baseline"

    def __init__(self, examples: Sequence[Example], params: BaselineParams, seed: int) -> None:
        self.name = params.objective
        self._examples, self._params, self._seed = examples, params, seed
        self._equation = equation_of(params)
        self._reference: dict[int, float] = {}

    def start(self, student: Student, runtime: RuntimeParams) -> None:
        kinds = {example.kind for example in self._examples}
        if "forget" not in kinds:
            raise InputError("there is no forget passage to train on; give the targets documents or chats.")
        weight = self._equation.retain_weight
        if weight > 0 and "retain" not in kinds:
            raise InputError(
                f"{self.name} with baseline.retain_weight {weight:g} needs retain passages, and there are none; give some, or "
                "set it to 0."
            )
        longest = max(len(example.input_ids) for example in self._examples)
        student.check_fits(longest, "lower baseline.sentences_per_passage, or split the text")
        if self._equation.needs_reference:
            self._reference = reference_logprobs(student, self._examples, runtime)

    def steps_of_epoch(self) -> int:
        return len(self.steps(0))

    def steps(self, epoch: int) -> list[list[int]]:
        """By (seed, epoch): every forget example once, shuffled, and ``retain_per_forget`` times as many retain ones.

        These (none without a retain term, else at least one, at most all) are drawn anew each epoch and dealt evenly over the
        steps, since the two kinds have means of their own: a step with few of them by chance would give each a large weight.
        """
        kinds = [example.kind for example in self._examples]
        forget, retain = ([index for index, kind in enumerate(kinds) if kind == wanted] for wanted in ("forget", "retain"))
        random.Random(f"{self._seed}:{epoch}").shuffle(forget)
        wanted = max(round(self._params.retain_per_forget * len(forget)), 1) if self._equation.retain_weight > 0 else 0
        drawn = random.Random(f"{self._seed}:{epoch}:retain").sample(retain, min(wanted, len(retain)))
        size = self._params.passages_per_step
        count = math.ceil(len(forget) / size)
        dealt = [drawn[step * len(drawn) // count : (step + 1) * len(drawn) // count] for step in range(count)]
        return [[*forget[step * size : (step + 1) * size], *dealt[step]] for step in range(count)]

    def accumulate(self, student: Student, step: Sequence[int], runtime: RuntimeParams) -> dict[str, float]:
        examples = [self._examples[index] for index in step]
        tokens_S = torch.tensor([example.learnt for example in examples], device=student.device)
        forget_S = torch.tensor([example.kind == "forget" for example in examples], device=student.device)
        reference_S = torch.tensor([self._reference.get(index, 0.0) for index in step], device=student.device)
        share_S = self._equation.shares(tokens_S, forget_S)
        logprob_S = torch.zeros(len(step), device=student.device)
        loss = torch.zeros((), device=student.device)
        lengths = [len(example.input_ids) for example in examples]
        for batch in batches(lengths, runtime.micro_batch_tokens, student.batch_cost):

            def terms(logprob_B: torch.Tensor, batch: list[int] = batch) -> torch.Tensor:
                of_batch = self._equation.terms(logprob_B, tokens_S[batch], forget_S[batch], reference_S[batch])
                return (of_batch * share_S[batch]).sum()

            logprob_S[batch] = self._add_gradient(student, [examples[index] for index in batch], terms, runtime.logit_chunk)
            loss += terms(logprob_S[batch])
        nll = {
            f"{kind}_nll": float(-logprob_S[chosen].sum() / tokens_S[chosen].sum())
            for kind, chosen in (("forget", forget_S), ("retain", ~forget_S))
            if chosen.any()
        }
        return {"loss": float(loss), **nll}

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
    """Of the forget ``examples``, by index, ``sequence_logprobs`` under the student as it is.

    Called before training, the student still is the frozen model, and no second one is needed.
    """
    forget = [index for index, example in enumerate(examples) if example.kind == "forget"]
    reference: dict[int, float] = {}
    for batch in batches([len(examples[index].input_ids) for index in forget], runtime.micro_batch_tokens):
        chosen = [forget[index] for index in batch]
        logprobs = sequence_logprobs(student, [examples[index] for index in chosen], runtime.logit_chunk)
        reference.update(zip(chosen, logprobs.tolist(), strict=True))
    return reference


def _summed(values_T: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
    """Sums by sequence, [B]. By slices: adding by index is not deterministic on CUDA."""
    return torch.stack([part.sum() for part in values_T.split(list(counts))])
