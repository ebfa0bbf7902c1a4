"""Tampering: the teacher's folder is changed behind the stages that read it; each reader has to see it.

Single bits are flipped at random, each flip for one of the readers in turn; the other ways are tried with all three.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.doors.attempt import Finding, classify, run
from benchmarks.doors.inputs import Spoil
from benchmarks.doors.leftovers import TEACHER, TOP_K
from benchmarks.doors.project import SOURCE, copy, set_params, snapshot, write_model

READERS = ("distill", f"fidelity {TOP_K}", "inspect 0")
MANIFEST, PASSAGES, FIRST, SECOND = "manifest.json", "passages.parquet", "shard-00000.parquet", "shard-00001.parquet"


def other_runs(project: Path, work: Path) -> dict[str, Path]:
    """The same project after runs with another prompt, and with another model."""
    prompted, modelled = copy(project, work / "prompted"), copy(project, work / "modelled")
    set_params(prompted, {"teacher.prompts": ["Who was {name}?"]})
    write_model(modelled / SOURCE, seed=1)
    for folder, stages in ((prompted, ["teacher"]), (modelled, ["base", "elicit", "teacher"])):
        for words in stages:
            ended = run(folder, words)
            assert not ended.code, ended.output
    return {"another run": prompted / TEACHER, "another model": modelled / TEACHER}


def ways(others: Mapping[str, Path]) -> dict[str, Spoil]:
    """What is done to the folder, by its name."""
    edits: dict[str, Callable[[Path], object]] = {
        "a shard is gone": lambda teacher: (teacher / SECOND).unlink(),
        "a shard stands there twice": lambda teacher: shutil.copyfile(teacher / FIRST, teacher / "shard-00099.parquet"),
        "a shard is another one": lambda teacher: shutil.copyfile(teacher / FIRST, teacher / SECOND),
        "two shards are swapped": lambda teacher: _swapped(teacher / FIRST, teacher / SECOND),
        "a shard has another name": lambda teacher: (teacher / FIRST).rename(teacher / "shard-00099.parquet"),
        "a shard is cut": lambda teacher: _cut(teacher / FIRST, -100),
        "a shard has no byte": lambda teacher: _cut(teacher / FIRST, 0),
        "a shard has bytes too many": lambda teacher: (teacher / FIRST).write_bytes((teacher / FIRST).read_bytes() + b"PAR1"),
        "a row is gone, by polars": lambda teacher: _polars(teacher / FIRST, lambda rows: rows[1:]),
        "rows are turned round, by polars": lambda teacher: _polars(teacher / FIRST, lambda rows: rows.reverse()),
        "a number is changed, by polars": lambda teacher: _polars(teacher / FIRST, _with_other_tail),
        "a passage is gone": lambda teacher: _arrow(teacher / FIRST, lambda rows: rows[_first_passage(rows) :]),
        "a passage stands there twice": lambda teacher: _arrow(
            teacher / FIRST, lambda rows: pa.concat_tables([rows, rows[: _first_passage(rows)]])
        ),
        "a token is changed": lambda teacher: _arrow(teacher / FIRST, _with_other_tokens),
        "nothing is changed, but written anew": lambda teacher: _arrow(teacher / FIRST, lambda rows: rows),
        "the footer says another thing": lambda teacher: _arrow(teacher / FIRST, _with_other_footer),
        "the footer says nothing": lambda teacher: _arrow(teacher / FIRST, lambda rows: rows.replace_schema_metadata({})),
        "passages.parquet is gone": lambda teacher: (teacher / PASSAGES).unlink(),
        "passages.parquet lacks a passage": lambda teacher: _arrow(teacher / PASSAGES, lambda rows: rows[1:]),
        "passages.parquet has other tokens": lambda teacher: _arrow(teacher / PASSAGES, _with_shifted_ids),
        "passages.parquet has other kinds": lambda teacher: _polars(teacher / PASSAGES, _with_kinds_swapped),
        "the manifest is gone": lambda teacher: (teacher / MANIFEST).unlink(),
        "the manifest is no JSON": lambda teacher: _cut(teacher / MANIFEST, -10),
        "the manifest is a list": lambda teacher: (teacher / MANIFEST).write_text("[1]", encoding="utf-8"),
        "the manifest is 200,000 brackets": lambda teacher: (teacher / MANIFEST).write_text("[" * 200_000, encoding="utf-8"),
        "the manifest is UTF-16": lambda teacher: (teacher / MANIFEST).write_bytes(
            (teacher / MANIFEST).read_text().encode("utf-16")
        ),
        "the manifest is empty but for its version": lambda teacher: _only_version(teacher / MANIFEST),
        "the manifest says another N": lambda teacher: _manifest(teacher, N=7),
        "the manifest counts other positions": lambda teacher: _manifest(teacher, positions=7),
        "the manifest counts other passages": lambda teacher: _manifest(teacher, passages=7),
        "the manifest has other names": lambda teacher: _manifest(
            teacher, counterfactual_names={"Mara Ellisford": ["Ada Lind"]}
        ),
        "the manifest has no names": lambda teacher: _manifest(teacher, counterfactual_names=None),
    }
    for of, other in others.items():
        edits |= {
            f"a shard of {of}": _taken(other, FIRST),
            f"all shards of {of}": _taken(other, "shard-*"),
            f"the manifest of {of}": _taken(other, MANIFEST),
            f"passages.parquet of {of}": _taken(other, PASSAGES),
            f"all but the manifest of {of}": _taken(other, "*.parquet"),
        }
    return {what: (lambda folder, edit=edit: edit(folder / TEACHER)) for what, edit in edits.items()}  # type: ignore[misc]


def _taken(other: Path, files: str) -> Callable[[Path], object]:
    """The ``files`` of the teacher's folder ``other`` in the place of one's own."""

    def take(teacher: Path) -> None:
        for path in other.glob(files):
            shutil.copyfile(path, teacher / path.name)

    return take


def try_tampering(project: Path, work: Path, flips: int, most: int = 0) -> Iterator[Finding]:
    """Every way (``most``, if given) with every reader, and ``flips`` single bits."""
    others = other_runs(project, work)
    for what, spoil in islice(ways(others).items(), most or None):
        for reader in READERS:
            yield _try(project, work / "spoilt", reader, what, spoil)
    rng = random.Random(0)
    for number, reader in zip(range(flips), cycle(READERS), strict=False):
        yield _try(project, work / "spoilt", reader, f"flip {number}", lambda folder: _flip(folder / TEACHER, rng))


def _try(project: Path, folder: Path, reader: str, what: str, spoil: Spoil) -> Finding:
    copy(project, folder)
    done = spoil(folder)
    before = snapshot(folder)
    kind, said = classify(run(folder, reader), (TEACHER,), snapshot(folder) != before)
    return Finding(f"{reader}: {what}" + (f", {done}" if isinstance(done, str) else ""), kind, said)


def _flip(teacher: Path, rng: random.Random) -> str:
    """Flip one bit of the tables, each byte of which is as likely as any other; returns which."""
    paths = sorted(teacher.glob("*.parquet"))
    (path,) = rng.choices(paths, [path.stat().st_size for path in paths])
    content = bytearray(path.read_bytes())
    place, bit = rng.randrange(len(content)), rng.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {place} of {path.name}"


def _swapped(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def _cut(path: Path, end: int) -> None:
    path.write_bytes(path.read_bytes()[:end])


def _polars(path: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    change(pl.read_parquet(path)).write_parquet(path)


def _arrow(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Rewrite a table with its schema and footer."""
    pq.write_table(change(pq.read_table(path)), path, compression="zstd")


def _with_other_tail(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("tail_logprob") * 0.5)


def _with_kinds_swapped(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("kind").replace({"forget": "retain", "retain": "forget"}))


def _first_passage(rows: pa.Table) -> int:
    """How many rows the first passage has."""
    numbers = rows["passage"].to_pylist()
    return numbers.count(numbers[0])


def _set(rows: pa.Table, column: str, values: Any) -> pa.Table:
    place = rows.schema.get_field_index(column)
    return rows.set_column(place, rows.schema.field(place), pa.chunked_array([pa.array(values, rows.schema.field(place).type)]))


def _with_other_tokens(rows: pa.Table) -> pa.Table:
    return _set(rows, "teacher_ids", [ids[::-1] for ids in rows["teacher_ids"].to_pylist()])


def _with_shifted_ids(rows: pa.Table) -> pa.Table:
    return _set(rows, "input_ids", [[max(token - 1, 0) for token in ids] for ids in rows["input_ids"].to_pylist()])


def _with_other_footer(rows: pa.Table) -> pa.Table:
    facts = json.loads(rows.schema.metadata[b"nevermet"])
    return rows.replace_schema_metadata({b"nevermet": json.dumps({**facts, "model_fingerprint": "0" * 64}).encode()})


def _manifest(teacher: Path, **changes: Any) -> None:
    path = teacher / MANIFEST
    values = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}, indent=2), encoding="utf-8")


def _only_version(path: Path) -> None:
    path.write_text(
        json.dumps({"format_version": json.loads(path.read_text(encoding="utf-8"))["format_version"]}), encoding="utf-8"
    )
