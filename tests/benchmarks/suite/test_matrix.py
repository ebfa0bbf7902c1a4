"""Stages of a DVC project beside each other: in the order of what they need, on cores of their own; a failure loses none."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from benchmarks.suite.matrix import cores_of_jobs, run_stages, stages_behind
from pipeline.core.errors import InputError
from tests.project import ROOT, environment, run

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
    stage = {"cmd": "python stage.py first", "wdir": "..", "deps": ["stage.py"], "outs": ["first.json"]}
    (project / "dvc.yaml").unlink()
    YAML().dump({"stages": {"table": {"matrix": {"benchmark": ["small"]}, **stage}}}, project / "benchmarks/dvc.yaml")
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
