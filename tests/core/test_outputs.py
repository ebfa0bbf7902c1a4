"""What a stage has written: broken or missing is one sentence with the command that makes it anew."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.errors import InputError
from pipeline.core.outputs import command_for, read_json_object, read_parquet, stream_parquet


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("models/base", "dvc repro base"),
        ("models/student/README.md", "dvc repro distill"),
        ("data/prepared/names.parquet", "dvc repro prepare"),
        ("data/teacher", "dvc repro teacher"),
        ("evaluation/distill_curve.csv", "dvc repro distill"),
        ("evaluation/base/metrics.json", "dvc repro evaluate"),
        ("benchmarks/results/wpu/prepared/passages.parquet", "python -m benchmarks.stages.prepare wpu"),
        ("benchmarks/results/wpu/elicited", "python -m benchmarks.stages.elicit wpu"),
        ("benchmarks/results/tuning/alternates/altpo", "python -m benchmarks.stages.alternates tuning altpo"),
        ("benchmarks/results/tuning/teacher/whp/manifest.json", "python -m benchmarks.stages.teacher tuning whp"),
        ("benchmarks/results/project/held_out", "python -m benchmarks.stages.held_out project"),
        ("benchmarks/results/tofu/runs/npo-0/tofu.json", "nevermet benchmark tofu"),
        ("elsewhere/a.json", "dvc repro"),
    ],
)
def test_command_is_that_of_the_stage_that_writes_the_place(path: str, command: str) -> None:
    assert command_for(Path(path)) == command


def test_missing_and_broken_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/prepared").mkdir(parents=True)
    file = Path("data/prepared/a.json")
    for content, words in ((None, "is missing"), ("{", "is not valid JSON"), ("[1]", "must hold a JSON object")):
        if content is not None:
            file.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=rf"data/prepared/a\.json {words}.*\(dvc repro prepare\)"):
            read_json_object(file)
    file.write_text(100_000 * "[", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.json is not valid JSON .*\(dvc repro prepare\)"):
        read_json_object(file)
    with pytest.raises(InputError, match=r"data/prepared can't be read \(Is a directory\); make it anew"):
        read_json_object(Path("data/prepared"))
    table = Path("data/prepared/a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet is missing; make it first \(dvc repro prepare\)"):
        read_parquet(table)
    pq.write_table(pa.table({"a": [1]}), table)
    with pytest.raises(InputError, match=r"a\.parquet lacks the column 'b'; make it anew \(dvc repro prepare\)"):
        read_parquet(table, ["a", "b"])
    lists = pa.schema({"a": pa.list_(pa.string())})
    for read in (read_parquet, lambda path, wanted: list(stream_parquet(path, wanted))):
        with pytest.raises(InputError, match=r"a\.parquet can't be read as Parquet \(.*int64 to list.*make it anew"):
            read(table, lists)
    pl.DataFrame({"b": [1], "a": [["x"]]}).write_parquet(table)  # as other programs write it: with long offsets, in any order
    assert read_parquet(table, lists).schema == lists
    assert [batch.schema for batch in stream_parquet(table, lists)] == [lists]
    table.write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"a\.parquet can't be read as Parquet .*make it anew \(dvc repro prepare\)"):
        read_parquet(table)
