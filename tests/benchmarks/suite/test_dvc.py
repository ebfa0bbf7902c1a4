"""benchmarks/matrix.yaml: code dependencies cover the imports, parameters exist, and a kill loses no finished run."""

import os
import re
import signal
import subprocess
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from benchmarks.criteria.table import REPORTS
from benchmarks.suite.matrix import stages_behind, write_stages
from benchmarks.suite.params import GOLD, NO_METHOD, RESULTS
from tests.benchmarks.suite.config import fresh_project, write_config
from tests.project import LEARNING_RATE, ROOT, environment, make_project, run
from tests.rooms import covers, uncovered, unneeded


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return document


DOCUMENT = read(ROOT / "benchmarks/matrix.yaml")
STAGES = DOCUMENT["stages"]
TRAINING = ("benchmarks.stages.unlearn", "benchmarks.stages.finetune", "benchmarks.stages.teacher")
MEASURING = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ("attacks", "judges", "criteria")
    for path in sorted((ROOT / "benchmarks" / room).rglob("*.py"))
]


@pytest.mark.parametrize("name", sorted(STAGES))
def test_code_dependencies_cover_the_imports_and_nothing_else(name: str) -> None:
    command, deps = STAGES[name]["cmd"].split(), STAGES[name]["deps"]
    assert command[:3] == ["exec", "python", "-m"]
    assert uncovered(command[3], deps) == set()
    assert unneeded(command[3], deps) == set()


@pytest.mark.parametrize("name", [name for name, stage in STAGES.items() if stage["cmd"].split()[3] in TRAINING])
def test_what_measures_is_no_dependency_of_what_trains(name: str) -> None:
    assert not {(dep, module) for dep, module in product(STAGES[name]["deps"], MEASURING) if covers(dep, module)}


@pytest.mark.parametrize("name", sorted(STAGES))
def test_parameters_are_there(name: str) -> None:
    for point in matrix_points(STAGES[name]):
        for entry in STAGES[name].get("params", []):
            for file, keys in entry.items():
                for key in keys:
                    value: Any = read(ROOT / filled(file, point))
                    for part in filled(key, point).split("."):
                        assert part in value, (file, key, point)
                        value = value[part]


def matrix_points(stage: dict[str, Any]) -> list[dict[str, str]]:
    """Every combination of what a stage's matrix holds; one that holds nothing where it has none."""
    seeds = DOCUMENT["vars"][0]["seeds"]
    matrix = {key: seeds if values == "${seeds}" else values for key, values in stage.get("matrix", {}).items()}
    return [dict(zip(matrix, values, strict=True)) for values in product(*matrix.values())]


def filled(text: str, point: dict[str, str]) -> str:
    """``text`` at one point of the matrix."""
    return re.sub(r"\$\{item\.(\w+)\}", lambda found: str(point[found[1]]), text)


@pytest.mark.parametrize("benchmark", ["project", "people", "tofu", "wpu", "rwku"])
def test_every_method_of_a_benchmark_reaches_its_table(benchmark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the stages that the table rests on write."""
    reports = [
        Path(filled(str(out), point))
        for stage in STAGES.values()
        for point in matrix_points(stage)
        for out in stage["outs"]
        if Path(str(out)).name in REPORTS
    ]
    runs = [path.parent for path in reports if path.is_relative_to(RESULTS / benchmark)]
    methods = read(ROOT / f"benchmarks/configs/{benchmark}.yaml")["methods"]
    references = [NO_METHOD, GOLD] if benchmark == "tofu" else [NO_METHOD]
    assert {run.name.rpartition("-")[0] for run in runs} == {*methods, *references}
    monkeypatch.chdir(fresh_project(tmp_path))
    write_stages(benchmark)
    table = f"benchmarks/dvc.yaml:table@{benchmark}"
    behind = stages_behind(table)
    measured = {name for name in behind if name.rpartition(":")[2].startswith(("criteria", "tofu"))}
    assert measured <= set(behind[table])
    assert len(measured) == len(runs)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A project whose benchmark trains two methods with one seed each, with its base and its data there."""
    folder = make_project(tmp_path_factory.mktemp("matrix"), tiny_model)
    wanted = ("base", "prepare-project", "elicit-project", "unlearn")
    stages = {name: read(ROOT / "benchmarks/matrix.yaml")["stages"][name] for name in wanted}
    stages["base"]["matrix"] = {"benchmark": ["project"]}
    stages["unlearn"]["matrix"] = {"benchmark": ["project"], "method": ["gradient_ascent", "npo"], "seed": [0]}
    methods = {
        name: {"baseline": {"objective": name, "learning_rate": LEARNING_RATE, "epochs": 1}}
        for name in ("gradient_ascent", "npo")
    }
    YAML().dump({"stages": stages}, folder / "benchmarks/dvc.yaml")
    write_config(folder, "project", {"methods": methods})
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    ready = ("base@project", "prepare-project", "elicit-project")
    run(folder, "dvc", "repro", "-q", "elicit", *(f"benchmarks/dvc.yaml:{stage}" for stage in ready))
    return folder


def finished_runs(lock: Path) -> list[str]:
    """The runs that DVC counts as done; nothing while it has the file in its hands."""
    stages = (read(lock) or {}).get("stages", {}) if lock.exists() else {}
    return [name for name in stages if name.startswith("unlearn")]


def test_kill_in_the_middle_of_the_matrix_loses_nothing_that_had_finished(project: Path) -> None:
    models = project / "benchmarks/results/project/models"
    weights = {name: models / f"{name}-0/model.safetensors" for name in ("gradient_ascent", "npo")}
    lock = project / "benchmarks/dvc.lock"
    command = ["dvc", "repro", "benchmarks/dvc.yaml"]
    process = subprocess.Popen(command, cwd=project, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL)
    while process.poll() is None and len(finished_runs(lock)) < 1:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (name,) = finished_runs(lock)
    first = name.removeprefix("unlearn@project-").removesuffix("-0")
    written = weights[first].stat().st_mtime_ns
    (project / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    printed = run(project, *command).stdout
    ran = {line.split("@")[1].split("-")[1] for line in printed.splitlines() if line.startswith("Running stage")}
    assert ran == set(weights) - {first}
    assert weights[first].stat().st_mtime_ns == written
    assert weights["npo"].read_bytes() != weights["gradient_ascent"].read_bytes()


def test_setting_of_one_method_reruns_that_method_alone(project: Path) -> None:
    path = project / "benchmarks/configs/project.yaml"
    run(project, "dvc", "repro", "-q", "benchmarks/dvc.yaml")
    path.write_text(path.read_text().replace("objective: npo", "objective: npo\n      beta: 0.2"), encoding="utf-8")
    printed = run(project, "dvc", "status", "--json", "benchmarks/dvc.yaml").stdout
    assert "unlearn@project-npo-0" in printed and "gradient_ascent" not in printed
