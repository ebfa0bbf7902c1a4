"""Some of a benchmark's seeds: what is left of the real stages, and the option."""

import re

import pytest

from benchmarks.suite.matrix import stages_behind
from benchmarks.suite.seeds import of_seeds
from pipeline.core.errors import InputError
from tests.project import ROOT, invoke

Stages = dict[str, list[str]]


@pytest.fixture(scope="module")
def behind() -> dict[str, Stages]:
    """The stages behind each benchmark's table, without the folder of what they run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        found = {name: stages_behind(f"benchmarks/dvc.yaml:table@{name}") for name in ("project", "tofu", "wpu")}
    return {name: {short(one): [short(n) for n in needed] for one, needed in of.items()} for name, of in found.items()}


def short(stage: str) -> str:
    return stage.rpartition(":")[2]


@pytest.mark.parametrize("benchmark", ["project", "tofu", "wpu"])
@pytest.mark.parametrize("seed", [0, 1])
def test_one_seed_leaves_the_other_seeds_runs_and_what_they_need(benchmark: str, seed: int, behind: dict[str, Stages]) -> None:
    every, kept = behind[benchmark], of_seeds(behind[benchmark], [seed])
    methods = {name.rpartition("-")[0] for name in every if re.search(r"@.*-[12]$", name)}
    assert methods
    dropped = {f"{method}-{other}" for method in methods for other in (0, 1, 2) if other != seed}
    assert set(kept) == set(every) - dropped
    assert all(needed == [one for one in every[name] if one not in dropped] for name, needed in kept.items())
    assert {f"{method}-{seed}" for method in methods} <= set(kept)
    single = {
        "project": {"base@project", "prepare-project", "prompting@project", "criteria-untrained@project-base-0"},
        "tofu": {"finetune@base", "finetune@retain_only", "prompting@tofu", "tofu-gold", "tofu-untrained@prompting-0"},
        "wpu": {"base@wpu", "prepare-wpu", "prompting@wpu", "criteria-untrained@wpu-prompting-0"},
    }
    assert single[benchmark] <= set(kept)
    assert of_seeds(every, [0, 1, 2]) == every


def test_a_seed_that_no_stage_has_is_refused(behind: dict[str, Stages]) -> None:
    with pytest.raises(InputError, match=r"^--seeds has 7, which no stage has; the seeds there are 0, 1, 2\.$"):
        of_seeds(behind["tofu"], [1, 7])


@pytest.mark.parametrize("stage", ["run", "table"])
@pytest.mark.parametrize("seeds", ["one", "0,-1", "0,,1"])
def test_seeds_that_are_no_whole_numbers_are_refused(stage: str, seeds: str) -> None:
    result = invoke(f"benchmarks.stages.{stage}", "project", "--seeds", seeds)
    assert result.exit_code == 2
    assert f"{seeds!r} must be whole numbers with commas between them." in result.output
