"""benchmarks/dvc.yaml: code dependencies are the imports, parameters exist, and a kill loses no finished run."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.import_closure import import_closure
from tests.project import LEARNING_RATE, ROOT, environment, make_project, run


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return document


STAGES = read(ROOT / "benchmarks/dvc.yaml")["stages"]


@pytest.mark.parametrize("name", sorted(STAGES))
def test_code_dependencies_are_the_imports(name: str) -> None:
    command = STAGES[name]["cmd"].split()
    assert command[:2] == ["python", "-m"]
    listed = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    assert listed == import_closure(ROOT, command[2].removeprefix("stages."))


@pytest.mark.parametrize("name", sorted(STAGES))
def test_parameters_are_there(name: str) -> None:
    for points in matrix_points(STAGES[name]):
        for entry in STAGES[name].get("params", []):
            for file, keys in entry.items():
                for key in keys:
                    value: Any = read(ROOT / file)
                    for part in key.replace("${item.method}", points.get("method", "")).split("."):
                        assert part in value, (file, key, points)
                        value = value[part]


def matrix_points(stage: dict[str, Any]) -> list[dict[str, Any]]:
    """The methods of a stage's matrix, or one point without any."""
    return [{"method": method} for method in stage.get("matrix", {}).get("method", [])] or [{}]


@pytest.mark.parametrize("benchmark", ["project", "tofu", "wpu"])
def test_every_method_of_a_benchmark_reaches_its_table(benchmark: str) -> None:
    methods = read(ROOT / f"benchmarks/{benchmark}/params.yaml")["methods"]
    told = {Path(dep).parent.name.rpartition("-")[0] for dep in STAGES[f"{benchmark}-table"]["deps"] if "/runs/" in dep}
    assert told == {*methods, "base", *(["retain_only"] if benchmark == "tofu" else [])}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A project whose benchmark trains two methods with one seed each, with its base and its data made."""
    folder = make_project(tmp_path_factory.mktemp("matrix"), tiny_model)
    (folder / "benchmarks/project").mkdir(parents=True)
    stages = read(ROOT / "benchmarks/dvc.yaml")["stages"]["project-baseline"]
    stages["matrix"] = {"method": ["gradient_ascent", "npo"], "seed": [0]}
    methods = {
        name: {"baseline": {"objective": name, "learning_rate": LEARNING_RATE, "epochs": 1}}
        for name in ("gradient_ascent", "npo")
    }
    yaml = YAML()
    for name, document in (
        ("dvc.yaml", {"stages": {"project-baseline": stages}}),
        ("project/params.yaml", {"methods": methods}),
    ):
        with (folder / "benchmarks" / name).open("w", encoding="utf-8") as stream:
            yaml.dump(document, stream)
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "repro", "-q", "prepare")
    run(folder, "dvc", "repro", "-q", "base")
    return folder


def finished_stages(lock: Path) -> list[str]:
    """What DVC counts as done; nothing while it has the file in its hands."""
    return list((read(lock) or {}).get("stages", {})) if lock.exists() else []


def test_kill_in_the_middle_of_the_matrix_loses_nothing_that_had_finished(project: Path) -> None:
    weights = {name: project / f"benchmarks/project/models/{name}-0/model.safetensors" for name in ("gradient_ascent", "npo")}
    lock = project / "benchmarks/dvc.lock"
    command = ["dvc", "repro", "benchmarks/dvc.yaml"]
    process = subprocess.Popen(command, cwd=project, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL)
    while process.poll() is None and len(finished_stages(lock)) < 1:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (name,) = finished_stages(lock)
    first = name.removeprefix("project-baseline@").removesuffix("-0")
    written = weights[first].stat().st_mtime_ns
    (project / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    printed = run(project, *command).stdout
    ran = {line.split("@")[1].split("-")[0] for line in printed.splitlines() if line.startswith("Running stage")}
    assert ran == set(weights) - {first}
    assert weights[first].stat().st_mtime_ns == written
    assert weights["npo"].read_bytes() != weights["gradient_ascent"].read_bytes()


def test_setting_of_one_method_reruns_that_method_alone(project: Path) -> None:
    path = project / "benchmarks/project/params.yaml"
    run(project, "dvc", "repro", "-q", "benchmarks/dvc.yaml")
    path.write_text(path.read_text().replace("objective: npo", "objective: npo\n      beta: 0.2"), encoding="utf-8")
    printed = run(project, "dvc", "status", "--json", "benchmarks/dvc.yaml").stdout
    assert "project-baseline@npo-0" in printed and "gradient_ascent" not in printed
