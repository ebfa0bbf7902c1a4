"""A teacher folder is taken only as the teacher left it: whatever was done to it since is told with the file."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.shards.reader import open_shards, read_targets
from tests.project import make_project, set_params, stage

SECOND = "shard-00001.parquet"


def shards(folder: Path, model: Path, names: int) -> Path:
    project = make_project(folder, model, retain_passages=names)
    set_params(
        project,
        {
            "teacher.names": names,
            "elicit.engine": "transformers",
            "teacher.engine": "transformers",
            "teacher.shard_megabytes": 0.001,
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.teacher.build.BATCH_TOKENS", 200)
        for name in ("base", "prepare", "elicit", "teacher"):
            stage(project, name)
    return project / "data/teacher"


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    return shards(tmp_path_factory.mktemp("intact"), tiny_model, 4)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The shards of another run with the same model."""
    return shards(tmp_path_factory.mktemp("other"), tiny_model, 3)


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "teacher"))


def edited(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in manifest.items() if value is not None}))


def without_a_row(folder: Path) -> None:
    path = folder / SECOND
    pl.read_parquet(path)[1:].write_parquet(path)


TAMPERED: dict[str, tuple[Callable[[Path, Path], object], str, str]] = {
    "a shard deleted": (lambda a, b: (a / SECOND).unlink(), SECOND, "is missing"),
    "a shard doubled": (lambda a, b: shutil.copy(a / SECOND, a / "shard-00099.parquet"), "shard-00099", "does not know it"),
    "a shard of another run": (lambda a, b: shutil.copy(b / SECOND, a / SECOND), SECOND, "bytes"),
    "two shards in each other's place": (lambda a, b: swap(a / SECOND, a / "shard-00000.parquet"), "shard-00000", "bytes"),
    "a shard cut short": (lambda a, b: (a / SECOND).write_bytes((a / SECOND).read_bytes()[:-5]), SECOND, "bytes"),
    "a row taken out": (lambda a, b: without_a_row(a), SECOND, "bytes"),
    "passages of another run": (lambda a, b: shutil.copy(b / "passages.parquet", a), "passages.parquet", "bytes"),
    "passages deleted": (lambda a, b: (a / "passages.parquet").unlink(), "passages.parquet", "is missing"),
    "a manifest of another run": (lambda a, b: shutil.copy(b / "manifest.json", a), "parquet", ""),
    "a manifest without its hashes": (lambda a, b: edited(a, files=None), "manifest.json", "changed"),
    "a number of the manifest": (lambda a, b: edited(a, positions=3), "manifest.json", "changed"),
    "names of the manifest": (lambda a, b: edited(a, counterfactual_names={}), "manifest.json", "changed"),
    "a manifest that is a list": (lambda a, b: (a / "manifest.json").write_text("[]"), "manifest.json", "JSON object"),
}


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def test_what_the_teacher_left_is_taken(intact: Path) -> None:
    manifest = open_shards(intact, intact.parents[1] / "models/base")
    assert sorted(manifest["files"]) == sorted(path.name for path in intact.glob("*.parquet"))
    assert len(manifest["files"]) > 3


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_done_to_it_is_told(folder: Path, other: Path, what: str) -> None:
    tamper, file, words = TAMPERED[what]
    tamper(folder, other)
    with pytest.raises(InputError) as told:
        open_shards(folder)
    assert file in told.value.message and words in told.value.message


def test_every_flipped_bit_is_told(folder: Path) -> None:
    rng = random.Random(0)
    for path in sorted(folder.glob("*.parquet")):
        data = path.read_bytes()
        for _ in range(20):
            place = rng.randrange(8 * len(data))
            flipped = bytearray(data)
            flipped[place // 8] ^= 1 << place % 8
            path.write_bytes(flipped)
            with pytest.raises(InputError, match=path.name):
                open_shards(folder)
        path.write_bytes(data)
    open_shards(folder)


def test_a_bit_that_flips_after_the_check_is_told_by_its_page(folder: Path) -> None:
    path = folder / "shard-00000.parquet"
    column = pq.read_metadata(path).row_group(0).column(pq.read_schema(path).get_field_index("tail_logprob"))
    data = bytearray(path.read_bytes())
    data[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"shard-00000.parquet can't be read as Parquet"):
        list(read_targets(path))


@pytest.mark.parametrize(("file", "what"), [("model.safetensors", "model"), ("tokenizer.json", "tokenizer")])
def test_only_the_model_of_the_shards_is_taken(intact: Path, tmp_path: Path, file: str, what: str) -> None:
    model = Path(shutil.copytree(intact.parents[1] / "models/base", tmp_path / "model"))
    open_shards(intact, model)
    (model / file).write_bytes((model / file).read_bytes() + b" ")
    with pytest.raises(InputError, match=f"another {what} than the one in"):
        open_shards(intact, model)


@pytest.mark.parametrize("command", [("distill",), ("inspect", "0"), ("fidelity",), ("report",)])
def test_all_that_read_shards_go_through_the_door(intact: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    project = Path(shutil.copytree(intact.parents[1], tmp_path / "project"))
    (project / "data/teacher" / SECOND).unlink()
    told = stage(project, *command, check=False)
    assert told.exit_code == 2, told.output
    assert SECOND in told.output and "dvc repro teacher" in told.output
    assert not (project / "models/student").exists()
