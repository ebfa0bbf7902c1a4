"""A plan in words."""

from collections.abc import Iterator
from datetime import timedelta

from pipeline.plan.cost import Cost, Shape, Work
from pipeline.plan.rates import Rates


def plan_lines(work: Work, shape: Shape, cost: Cost, rates: Rates, people: int) -> Iterator[str]:
    """A line a subject."""
    seconds = cost.teacher_flops / rates.scoring, cost.distill_flops / rates.training
    teacher, distill = (timedelta(seconds=round(one)) for one in seconds)
    forget = f"{work.forget_share:.0%} to forget"
    yield f"{people} targets, {work.passages} passages ({forget}), {shape.weights / 1e6:,.0f} M weights"
    yield (
        f"teacher  {work.renderings:,.0f} renderings, {work.tokens:,.0f} tokens, of them {work.computed_tokens:,.0f} computed "
        f"(the others are prefixes read before), {work.head_rows:,.0f} rows through the head"
    )
    yield f"         {cost.teacher_flops:.2e} FLOPs, {_bytes(cost.teacher_memory)} of memory at the peak"
    yield f"shards   {work.positions:,.0f} positions, {_bytes(cost.shard_bytes)}"
    yield (
        f"distill  {cost.student_tokens:,.0f} tokens, of them {cost.student_computed:,.0f} computed "
        f"(a step reads once what begins alike), {cost.distill_flops:.2e} FLOPs, {_bytes(cost.distill_memory)} of memory"
    )
    yield f"rates    {rates.scoring:.2e} FLOP/s scoring, {rates.training:.2e} training ({rates.source})"
    yield f"teacher {teacher}, distill {distill}, {_bytes(cost.shard_bytes)} of shards"
    for stage, needed in (("teacher", cost.teacher_memory), ("distill", cost.distill_memory)):
        if needed > rates.memory:
            there = _bytes(rates.memory)
            yield f"{stage} does not fit: it runs on one card so far, needs {_bytes(needed)}, and the card has {there}"


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
