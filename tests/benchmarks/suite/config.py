"""A benchmark's parameters, written where a project has them."""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.project import ROOT, run


def fresh_project(folder: Path) -> Path:
    """What DVC reads of the project, in ``folder``, where nothing has run."""
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", "benchmarks/matrix.yaml", "benchmarks/configs"):
        (folder / name).parent.mkdir(exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    return folder


def write_config(folder: Path, name: str, params: dict[str, Any]) -> None:
    """``benchmarks/configs/NAME.yaml`` of the project in ``folder``."""
    file = folder / f"benchmarks/configs/{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    YAML().dump(params, file)
