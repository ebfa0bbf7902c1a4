"""Some of a benchmark's seeds: the option that names them, and the stages of ``benchmarks/dvc.yaml`` that are theirs."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import click

from pipeline.core.errors import InputError


class SeedList(click.ParamType):
    """Seeds with commas between them, as whole numbers."""

    name = "seeds"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """See click.ParamType."""
        if not all(word.strip().isdecimal() for word in value.split(",")):
            self.fail(f"{value!r} must be whole numbers with commas between them.", param, ctx)
        return [int(word) for word in value.split(",")]


def of_seeds(stages: Mapping[str, Sequence[str]], seeds: Collection[int]) -> dict[str, list[str]]:
    """``stages`` without the runs of other ``seeds``, which stand at the end of a stage's name (unlearn@tofu-npo-1).

    Seed 0 stays where a stage has no other (the base, the gold standard, prompting). Raises InputError for a seed of none.
    """
    runs: dict[str, set[int]] = defaultdict(set)
    for run, _, seed in (name.rpartition("-") for name in stages):
        if seed.isdecimal():
            runs[run].add(int(seed))
    known = sorted(set().union(*runs.values()))
    if missing := set(seeds) - set(known):
        raise InputError(f"--seeds has {min(missing)}, which no stage has; the seeds there are {', '.join(map(str, known))}.")
    dropped = {f"{run}-{seed}" for run, of_run in runs.items() if of_run != {0} for seed in of_run - set(seeds)}
    return {name: [one for one in needed if one not in dropped] for name, needed in stages.items() if name not in dropped}
