"""A benchmark's parameters, written where a project has them."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def write_config(folder: Path, name: str, params: dict[str, Any]) -> None:
    """``benchmarks/configs/NAME.yaml`` of the project in ``folder``."""
    file = folder / f"benchmarks/configs/{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    YAML().dump(params, file)
