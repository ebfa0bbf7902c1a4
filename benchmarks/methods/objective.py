"""What all objectives on texts share: what they can't start without, and how texts are dealt over the steps of an epoch."""

import math
import random
from collections.abc import Sequence

from benchmarks.methods.example import Example
from benchmarks.methods.params import BaselineParams
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.train.student import Student


class TextObjective:
    """``examples`` in steps, whose items are indices into them. ``accumulate`` is the heirs' own; see Objective.

    ``alternates``: each forget example has another of the kind alternate, which is preferred to it.
    """

    section = "baseline"

    def __init__(
        self, examples: Sequence[Example], params: BaselineParams, retain_weight: float, seed: int, *, alternates: bool = False
    ) -> None:
        self.name = params.objective
        self._examples, self._params, self._seed, self._retain_weight = examples, params, seed, retain_weight
        found = len(self.of_kind("alternate"))
        if alternates and found != len(self.of_kind("forget")):
            raise InputError(f"{self.name} needs an alternate to each forget text; give the method a section alternates.")
        if found and not alternates:
            raise InputError(f"{self.name} prefers nothing to the forget texts; take the section alternates out of the method.")

    def start(self, student: Student, runtime: RuntimeParams) -> None:
        """See Objective.start."""
        kinds = {example.kind for example in self._examples}
        if "forget" not in kinds:
            raise InputError("there is no forget passage to train on; give the targets documents or chats.")
        if self._retain_weight > 0 and "retain" not in kinds:
            raise InputError(
                f"{self.name} with baseline.retain_weight {self._retain_weight:g} needs retain passages, and there are none; "
                "give some, or set it to 0."
            )
        longest = max(len(example.input_ids) for example in self._examples)
        student.check_fits(longest, "lower baseline.sentences_per_passage, or split the text")

    def of_kind(self, kind: str) -> list[int]:
        """The indices of the examples of ``kind``."""
        return [index for index, example in enumerate(self._examples) if example.kind == kind]

    def steps_of_epoch(self) -> int:
        """See Objective.steps_of_epoch."""
        return len(self.steps(0))

    def steps(self, epoch: int) -> list[list[int]]:
        """By (seed, epoch): every forget example once, shuffled, and ``retain_per_forget`` times as many retain ones.

        These (none without a retain term, else at least one, at most all) are drawn anew each epoch and dealt evenly over the
        steps, since the two kinds have means of their own: a step with few of them by chance would give each a large weight.
        """
        forget, retain = self.of_kind("forget"), self.of_kind("retain")
        random.Random(f"{self._seed}:{epoch}").shuffle(forget)
        wanted = max(round(self._params.retain_per_forget * len(forget)), 1) if self._retain_weight > 0 else 0
        drawn = random.Random(f"{self._seed}:{epoch}:retain").sample(retain, min(wanted, len(retain)))
        size, steps = self._params.passages_per_step, self._params.steps
        if steps:
            size = max(size, math.ceil(len(forget) / (steps // self._params.epochs)))
        count = math.ceil(len(forget) / size)
        dealt = [drawn[step * len(drawn) // count : (step + 1) * len(drawn) // count] for step in range(count)]
        return [[*forget[step * size : (step + 1) * size], *dealt[step]] for step in range(count)]
