"""Stages of a DVC project beside each other: in the order of what they need, on cores of their own; some of the seeds alone."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from benchmarks.suite.matrix import STAGES_FILE, cores_of_jobs, of_seeds, run_stages, stages_behind, write_stages
from pipeline.core.errors import InputError
from tests.benchmarks.suite.config import fresh_project
from tests.project import ROOT, environment, invoke, run

STAGE = """
import json, os, pathlib, sys, time
name, *needed = sys.argv[1:]
assert all(pathlib.Path(f"{n}.json").exists() for n in needed)
if pathlib.Path(f"{name}.bad").exists():
    sys.exit("Error: params.yaml: number must be one.")
pathlib.Path(f"{name}.started").touch()
other = {"left": "right", "right": "left"}.get(name)
deadline = time.monotonic() + 60
while other and pathlib.Path("meet").exists() and not pathlib.Path(f"{other}.started").exists():
    assert time.monotonic() < deadline
    time.sleep(0.1)
time.sleep(float(os.environ.get("STAGE_SECONDS", "0")))
cores = {"cores": sorted(os.sched_getaffinity(0)), "threads": os.environ["OMP_NUM_THREADS"]}
pathlib.Path(f"{name}.json").write_text(json.dumps(cores))
"""
NEEDS = {"first": [], "left": ["first"], "right": ["first"], "table": ["left", "right"]}
two_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two jobs need two cores")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four stages: the table rests on two that rest on the first."""
    (tmp_path / "stage.py").write_text(STAGE)
    stages = {
        name: {
            "cmd": f"python stage.py {name} {' '.join(needed)}",
            "deps": ["stage.py", *(f"{n}.json" for n in needed)],
            "outs": [f"{name}.json"],
        }
        for name, needed in NEEDS.items()
    }
    YAML().dump({"stages": stages}, tmp_path / "dvc.yaml")
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, "dvc", "init", "-q")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", environment())
    return tmp_path


def cores_of(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(f"{name}.json").read_text())
    return document


@two_cores
def test_what_can_run_beside_each_other_does(project: Path) -> None:
    """The two in the middle wait for each other to start; every stage fails where what it needs is not there."""
    (project / "meet").touch()
    stages = stages_behind("table")
    assert {name: sorted(needed) for name, needed in stages.items()} == NEEDS
    assert sorted(run_stages(stages, cores_of_jobs(2), project / "logs")) == sorted(NEEDS)
    left, right = cores_of("left"), cores_of("right")
    assert not set(left["cores"]) & set(right["cores"])
    assert left["threads"] == str(len(left["cores"]))
    assert run_stages(stages, cores_of_jobs(2), project / "logs") == []


@two_cores
def test_a_failure_is_told_and_what_ran_beside_it_is_kept(project: Path) -> None:
    (project / "left.bad").touch()
    with pytest.raises(InputError, match=r"^left failed: params\.yaml: number must be one; all that .*left\.log\.$"):
        run_stages(stages_behind("table"), cores_of_jobs(2), project / "logs")
    assert Path("right.json").exists() and not Path("table.json").exists()
    (project / "left.bad").unlink()
    assert sorted(run_stages(stages_behind("table"), cores_of_jobs(2), project / "logs")) == ["left", "table"]


def test_more_jobs_than_cores_are_refused() -> None:
    cores = len(os.sched_getaffinity(0))
    assert sorted(core for job in cores_of_jobs(1) for core in job) == sorted(os.sched_getaffinity(0))
    with pytest.raises(InputError, match=rf"^--jobs is {cores + 1}, but this process may use {cores} cores"):
        cores_of_jobs(cores + 1)


def test_an_unknown_table_is_told(project: Path) -> None:
    with pytest.raises(InputError, match=r"^DVC can't tell the stages of chart"):
        stages_behind("chart")


def test_a_stopped_matrix_leaves_nothing_running(project: Path) -> None:
    """The command as a user runs it, on a benchmark that has this table."""
    for name in ("pipeline", "benchmarks"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__", "results", "dvc.*"))
    shutil.copyfile(ROOT / "benchmarks/configs/project.yaml", project / "benchmarks/configs/small.yaml")
    stage = {"cmd": "exec python stage.py first ${item.benchmark}", "wdir": "..", "deps": ["stage.py"], "outs": ["first.json"]}
    (project / "small.json").touch()
    (project / "dvc.yaml").unlink()
    YAML().dump({"stages": {"table": {"matrix": {"benchmark": ["small"]}, **stage}}}, project / "benchmarks/matrix.yaml")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stages.run", "small", "--jobs", "1"],
        env={**environment(), "STAGE_SECONDS": "600"},
    )
    while not stage_processes(project):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    deadline = time.monotonic() + 30
    while stage_processes(project) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not stage_processes(project)
    assert not Path("first.json").exists()


NAMES = ("project", "people", "tofu", "wpu", "rwku")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as git has it, where nothing has run."""
    return fresh_project(tmp_path_factory.mktemp("fresh"))


def test_status_lists_no_benchmark_that_was_not_asked_for(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh)
    STAGES_FILE.unlink(missing_ok=True)
    printed = run(fresh, "dvc", "status").stdout
    assert re.findall(r"(?m)^(\S+):$", printed) == list(YAML(typ="safe").load(Path("dvc.yaml").read_text())["stages"])
    for asked in (["wpu"], ["wpu", "people"]):
        write_stages(asked[-1])
        once = STAGES_FILE.read_bytes()
        write_stages(asked[0])
        assert STAGES_FILE.read_bytes() == once
        with Repo() as repo:
            stages = [stage for stage in repo.index.stages if stage.path_in_repo == str(STAGES_FILE)]
        of = {name for name in NAMES for stage in stages if f"benchmarks/results/{name}/" in str(stage.outs[0])}
        assert of == set(asked)


def test_benchmark_without_a_table_is_told(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh)
    with pytest.raises(InputError, match=r"matrix\.yaml: the matrix of table has no 'tuning'; it has project, people,"):
        write_stages("tuning")


def stage_processes(project: Path) -> list[str]:
    """Processes that run a stage in ``project``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cwd").resolve() == project and b"stage.py" in (folder / "cmdline").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found


Stages = dict[str, list[str]]


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stages]:
    """The stages behind each benchmark's table, without the folder of what they run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(fresh_project(tmp_path_factory.mktemp("behind")))
        for name in NAMES:
            write_stages(name)
        found = {name: stages_behind(f"{STAGES_FILE}:table@{name}") for name in NAMES}
    return {name: {short(one): [short(n) for n in needed] for one, needed in of.items()} for name, of in found.items()}


def short(stage: str) -> str:
    return stage.rpartition(":")[2]


@pytest.mark.parametrize("benchmark", ["project", "people", "tofu", "wpu", "rwku"])
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
        "people": {"base@people", "prepare-people", "elicit@people", "prompting@people"},
        "wpu": {"base@wpu", "prepare-wpu", "prompting@wpu", "criteria-untrained@wpu-prompting-0"},
        "rwku": {"base@rwku", "prepare-rwku", "prompting@rwku", "criteria-untrained@rwku-prompting-0"},
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
