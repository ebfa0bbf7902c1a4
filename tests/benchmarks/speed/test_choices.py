"""The figure of the choices is measured whole on a tiny project; what it is stands for the real one."""

import math
from pathlib import Path

import pytest

from benchmarks.speed import choices
from tests.project import make_project, stage


def test_choices_are_timed_beside_vllm(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, tiny_model, templates=2)
    for name in ("base", "prepare"):
        stage(project, name)
    monkeypatch.chdir(project)
    monkeypatch.setattr(choices, "alone", lambda call, *arguments: call(*arguments))  # saves a start of vLLM
    (figure,) = choices.choice_figures(rounds=1)
    assert figure.key == "choices_time_over_vllm"
    assert math.isfinite(figure.value) and figure.value > 0
