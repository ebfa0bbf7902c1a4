"""How the teacher grows is measured whole on a tiny project; what vLLM takes beside it is for the real one."""

from pathlib import Path

import pytest

from benchmarks.speed.teacher import growth, of_each_target
from tests.project import make_project, stage


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    folder = make_project(tmp_path_factory.mktemp("project"), tiny_model, templates=2)
    for name in ("base", "prepare"):
        stage(folder, name)
    return folder


def test_so_many_forget_passages_of_each_target(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    passages = of_each_target(2)
    targets = [passage.target for passage in passages]
    assert all(targets.count(target) == 2 for target in targets)
    assert {passage.kind for passage in passages} == {"forget"}


def test_twice_the_documents_are_twice_the_shards(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    (seconds, peak, once), (_, _, twice) = growth(1), growth(2)
    assert seconds > 0
    assert peak > 0
    assert once < twice < 2.1 * once
