"""A folder with this project's rubrics, where ratings are kept."""

import shutil
from pathlib import Path

import pytest

from tests.project import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: params.yaml and data/judge of this project, and nothing else."""
    shutil.copytree(ROOT / "data/judge", tmp_path / "data/judge")
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path
