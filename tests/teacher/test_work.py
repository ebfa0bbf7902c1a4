"""The work folder of the teacher: what counts as finished."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.work import Work, run_fingerprint
from pipeline.text.names import CounterfactualName
from tests.project import ROOT

FINGERPRINT = "ab" * 32
ROWS, PASSAGES = pa.table({"passage": [4, 4, 5]}), pa.table({"passage": [4, 5]})
SUMS = {"passages": 2, "tail": 0.1}


def written(root: Path, index: int = 3) -> Work:
    work = Work(FINGERPRINT, root)
    work.write(index, ROWS, PASSAGES, SUMS)
    return work


def test_written_part_is_finished_for_the_next_run_too(tmp_path: Path) -> None:
    work = written(tmp_path)
    for one in (work, Work(FINGERPRINT, tmp_path)):
        assert one.sums(3) == SUMS
        assert one.sums(2) is None
        assert pq.read_table(one.path(3, "rows")) == ROWS
        assert pq.read_table(one.path(3, "passages")) == PASSAGES


def test_same_part_has_the_same_bytes(tmp_path: Path) -> None:
    one, other = written(tmp_path / "one"), written(tmp_path / "other")
    for table in ("rows", "passages"):
        assert one.path(3, table).read_bytes() == other.path(3, table).read_bytes()


def test_another_fingerprint_takes_up_nothing(tmp_path: Path) -> None:
    written(tmp_path)
    assert Work("cd" * 32, tmp_path).sums(3) is None


@pytest.mark.parametrize("table", ["rows", "passages"])
def test_tampered_or_missing_table_is_not_finished(tmp_path: Path, table: str) -> None:
    work = written(tmp_path)
    path = work.path(3, table)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert work.sums(3) is None
    path.write_bytes(content[:-7])
    assert work.sums(3) is None
    path.write_bytes(content)
    assert work.sums(3) == SUMS
    path.unlink()
    assert work.sums(3) is None


@pytest.mark.parametrize("text", [None, "", '{"row', "{}", "[]", "null", '{"rows": null, "passages": null, "sums": {}}'])
def test_missing_or_broken_marker_is_not_finished(tmp_path: Path, text: str | None) -> None:
    work = written(tmp_path)
    (marker,) = work.folder.glob("*.json")
    if text is None:
        marker.unlink()
    else:
        marker.write_text(text, encoding="utf-8")
    assert work.sums(3) is None


def test_marker_without_sums_is_not_finished(tmp_path: Path) -> None:
    work = written(tmp_path)
    (marker,) = work.folder.glob("*.json")
    content = json.loads(marker.read_text())
    del content["sums"]
    marker.write_text(json.dumps(content))
    assert work.sums(3) is None


def test_failing_writer_leaves_no_half_of_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = written(tmp_path)
    finished = sorted(work.folder.iterdir())

    def fail(table: pa.Table, path: Path, **settings: object) -> None:
        path.write_bytes(b"half of the ro")
        raise RuntimeError("killed")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(RuntimeError, match="killed"):
        work.write(4, ROWS, PASSAGES, SUMS)
    assert sorted(work.folder.iterdir()) == finished
    assert work.sums(4) is None
    assert work.sums(3) == SUMS


def test_part_killed_between_its_tables_is_not_finished(tmp_path: Path) -> None:
    """The marker comes last."""
    work = written(tmp_path)
    for path in (*work.folder.glob("*.json"), work.path(3, "passages")):
        path.unlink()
    assert work.sums(3) is None
    assert written(tmp_path).sums(3) == SUMS


def test_tables_come_in_order_and_the_folder_is_dropped(tmp_path: Path) -> None:
    work = Work(FINGERPRINT, tmp_path / "work")
    for index in (2, 0, 1):
        work.write(index, pa.table({"passage": [index]}), pa.table({"passage": [index, 7]}), {})
    assert [table["passage"].to_pylist() for table in work.tables(3, "rows")] == [[0], [1], [2]]
    assert [table["passage"].to_pylist() for table in work.tables(2, "passages")] == [[0, 7], [1, 7]]
    with work.held():
        pass
    assert not work.folder.exists()


def test_of_two_runs_with_the_same_shards_one_is_told_and_nothing_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two experiments of one queue are: their outputs lie apart, what they work on does not."""
    monkeypatch.chdir(tmp_path)
    work = written(tmp_path)
    with pytest.raises(KeyError), work.held():
        with pytest.raises(InputError, match=r"is being made by process \d+"), Work(FINGERPRINT, tmp_path).held():
            pytest.fail("two at once")
        raise KeyError
    assert work.sums(3) == SUMS


def test_a_part_that_changes_before_the_end_is_told(tmp_path: Path) -> None:
    work = written(tmp_path, 0)
    assert list(work.all_sums(1)) == [SUMS]
    work.path(0, "passages").write_bytes(b"cut")
    with pytest.raises(InputError, match=r"part-000000\.rows\.parquet has changed"):
        list(work.all_sums(1))


def test_fingerprint_is_of_all_that_determines_the_shards() -> None:
    names = {"Orla": [CounterfactualName("Orla", "Ada", {"Orla": "Ada"})]}
    other = {"Orla": [CounterfactualName("Orla", "Ada", {"Orla": "Nia"})]}
    params, runtime = TeacherParams(), RuntimeParams(device="cpu")
    known = run_fingerprint({"model": "a"}, params, runtime, names, "p")
    assert known == run_fingerprint({"model": "a"}, params, runtime.changed(max_num_seqs=7), names, "p")
    changed = [
        run_fingerprint({"model": "b"}, params, runtime, names, "p"),
        run_fingerprint({"model": "a"}, params.changed(top_k=3), runtime, names, "p"),
        run_fingerprint({"model": "a"}, params.changed(engine="transformers"), runtime, names, "p"),
        run_fingerprint({"model": "a"}, params, runtime, other, "p"),
        run_fingerprint({"model": "a"}, params, runtime, names, "q"),
    ]
    assert len({known, *changed}) == 6


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("engines/vllm_engine.py", True),
        ("engines/open.py", True),
        ("model/head.py", True),
        ("text/chat.py", True),
        ("teacher/average.py", True),
        ("shards/writer.py", True),
        ("shards/reader.py", False),
        ("distill/loss.py", False),
    ],
)
def test_fingerprint_covers_the_code_that_makes_the_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, counts: bool
) -> None:
    def fingerprint() -> str:
        return run_fingerprint({}, TeacherParams(), RuntimeParams(device="cpu"), {}, "p")

    known = fingerprint()
    copy = Path(shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline"))
    monkeypatch.setattr("pipeline.teacher.work._PIPELINE", copy)
    assert fingerprint() == known
    with (copy / file).open("a") as stream:
        stream.write("# changed\n")
    assert (fingerprint() != known) == counts


NO_ROOM = """
import resource, sys
from pathlib import Path
import numpy as np, pyarrow as pa
from pipeline.core.errors import InputError
from pipeline.teacher.work import Work

small = pa.table({"passage": [1]})
large = pa.table({"passage": np.random.default_rng(0).integers(0, 2**62, 20_000)})
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
work = Work("ab" * 32, Path(sys.argv[1]))
work.write(0, small, small, {"passages": 1})
try:
    work.write(1, large, small, {})
except InputError as error:
    print(error.message)
print(work.sums(0), work.sums(1), [path.name for path in sorted(work.folder.iterdir())])
"""


def test_no_room_is_told_and_leaves_no_half_of_a_part(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", NO_ROOM, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True)
    message, state = done.stdout.splitlines()
    assert "part-000001.rows.parquet: no room to write it" in message
    files = ["part-000000.json", "part-000000.passages.parquet", "part-000000.rows.parquet"]
    assert state == f"{{'passages': 1}} None {files}"
