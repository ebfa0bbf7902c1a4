"""Which examples an optimizer step trains on."""

import math
import random
from collections.abc import Sequence

from pipeline.baselines.examples import Example
from pipeline.baselines.params import BaselineParams


def steps_of_epoch(
    examples: Sequence[Example], params: BaselineParams, epoch: int, seed: int, *, retain: bool
) -> list[list[int]]:
    """The steps of ``epoch`` as indices into ``examples``, by (seed, epoch).

    Every forget example once, shuffled; with ``retain`` also ``retain_per_forget`` times as many retain examples (at least
    one, at most all), drawn anew each epoch and dealt evenly over the steps, since the two kinds have means of their own: a
    step with few retain examples by chance would give each a large weight.
    """
    forget = [index for index, example in enumerate(examples) if example.kind == "forget"]
    others = [index for index, example in enumerate(examples) if example.kind == "retain"]
    random.Random(f"{seed}:{epoch}").shuffle(forget)
    wanted = max(round(params.retain_per_forget * len(forget)), 1) if retain else 0
    drawn = random.Random(f"{seed}:{epoch}:retain").sample(others, min(wanted, len(others)))
    size = params.passages_per_step
    count = math.ceil(len(forget) / size)
    return [
        [*forget[step * size : (step + 1) * size], *drawn[step * len(drawn) // count : (step + 1) * len(drawn) // count]]
        for step in range(count)
    ]
