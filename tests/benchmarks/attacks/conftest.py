"""The model that hides what it knows, trained once."""

from pathlib import Path

import pytest

from tests.benchmarks.attacks.hiding import build_hiding_model


@pytest.fixture(scope="session")
def hiding_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder."""
    folder = tmp_path_factory.mktemp("hiding")
    build_hiding_model(folder)
    return folder
