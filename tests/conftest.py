"""Fixtures that many tests share."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.tiny import build_tiny_model

settings.register_profile("no deadline", deadline=None)  # a slow machine is no fault
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small model that transformers and vLLM load."""
    folder = tmp_path_factory.mktemp("tiny")
    build_tiny_model(folder)
    return folder
