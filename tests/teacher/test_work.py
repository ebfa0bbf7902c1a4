"""The work folder of the teacher: what counts as finished."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.teacher.work import ShardWork
from tests.project import ROOT

FINGERPRINT = "ab" * 32


def written(root: Path) -> ShardWork:
    work = ShardWork(FINGERPRINT, root)
    work.write(3, lambda path: path.write_bytes(b"rows") and None)
    return work


def test_written_shard_is_done_for_the_next_run_too(tmp_path: Path) -> None:
    work = written(tmp_path)
    assert work.path(3).read_bytes() == b"rows"
    assert work.is_done(3)
    assert ShardWork(FINGERPRINT, tmp_path).is_done(3)
    assert not work.is_done(2)


def test_another_fingerprint_takes_up_nothing(tmp_path: Path) -> None:
    written(tmp_path)
    assert not ShardWork("cd" * 32, tmp_path).is_done(3)


def test_tampered_file_is_not_done(tmp_path: Path) -> None:
    work = written(tmp_path)
    work.path(3).write_bytes(b"rowz")
    assert not work.is_done(3)


def test_missing_file_is_not_done(tmp_path: Path) -> None:
    work = written(tmp_path)
    work.path(3).unlink()
    assert not work.is_done(3)


@pytest.mark.parametrize("text", [None, "", '{"sha', "{}", '{"sha256": null}'])
def test_missing_or_broken_marker_is_not_done(tmp_path: Path, text: str | None) -> None:
    work = written(tmp_path)
    marker = next(path for path in work.folder.iterdir() if path != work.path(3))
    if text is None:
        marker.unlink()
    else:
        marker.write_text(text, encoding="utf-8")
    assert not work.is_done(3)


def test_failing_writer_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half of the ro")
        raise RuntimeError("killed")

    work = ShardWork(FINGERPRINT, tmp_path)
    with pytest.raises(RuntimeError, match="killed"):
        work.write(0, fail)
    assert list(work.folder.iterdir()) == []
    assert not work.is_done(0)


def test_failing_writer_leaves_the_finished_shards(tmp_path: Path) -> None:
    work = written(tmp_path)
    with pytest.raises(FileNotFoundError):
        work.write(4, lambda path: None)
    assert work.is_done(3)
    assert not work.is_done(4)


def test_shards_are_copied_and_the_folder_dropped(tmp_path: Path) -> None:
    work = ShardWork(FINGERPRINT, tmp_path / "work")
    for index in range(2):
        work.write(index, lambda path, index=index: path.write_bytes(bytes([index])) and None)
    output = tmp_path / "out"
    output.mkdir()
    work.copy_shards(output, 2)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == {
        "shard-00000.parquet": b"\0",
        "shard-00001.parquet": b"\1",
    }
    work.remove()
    assert not work.folder.exists()


NO_ROOM = """
import resource, sys
from functools import partial
from pathlib import Path
import numpy as np, pyarrow as pa
from pipeline.core.errors import InputError
from pipeline.shards.schema import shard_schema
from pipeline.shards.writer import write_shard
from pipeline.teacher.work import ShardWork

rows, k = 2000, 16
rng = np.random.default_rng(0)
values = {
    "target": ["a"] * rows, "kind": ["forget"] * rows, "passage": range(rows), "position": range(rows), "token": ["b"] * rows,
    "next_token": ["c"] * rows, "next_token_id": range(rows), "teacher_ids": rng.integers(0, 2**31, (rows, k)).tolist(),
    "teacher_logprobs": rng.random((rows, k)).astype(np.float16).tolist(), "tail_logprob": rng.random(rows),
    "entropy": rng.random(rows), "disagreement": rng.random(rows), "swapped_mass": rng.random(rows),
}
table = pa.Table.from_pydict(values, schema=shard_schema())
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
work = ShardWork("ab" * 32, Path(sys.argv[1]))
write_small = lambda path: path.write_bytes(b"rows") and None
work.write(0, write_small)
try:
    work.write(1, partial(write_shard, tables=[table], facts={}))
except InputError as error:
    print(error.message)
print(work.is_done(0), work.is_done(1), [path.name for path in sorted(work.folder.iterdir())])
"""


def test_no_room_is_told_and_leaves_no_part_of_a_shard(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", NO_ROOM, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    message, state = done.stdout.splitlines()
    assert "shard-00001.parquet: no room to write it" in message
    assert state == "True False ['shard-00000.done.json', 'shard-00000.parquet']"
