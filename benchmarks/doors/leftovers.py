"""Bad inputs between stages: an earlier stage's output is missing, broken or another one; and wrong words after a command."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.doors.files import cut, made_folder, removed, written
from benchmarks.doors.inputs import Case, Spoil

BASE, PREPARED, ELICITED, TEACHER, STUDENT = "models/base", "data/prepared", "data/elicited", "data/teacher", "models/student"
NAMES, PASSAGES, QUESTIONS, FACTS = (
    f"{PREPARED}/{name}.parquet" for name in ("counterfactual_names", "passages", "questions", "targets")
)
TOP_K = "--top-k 8"  # the tiny vocabulary has fewer than the default says
ASKED = "evaluation/base"
_MAY_BE_EMPTY = (PASSAGES, f"{ELICITED}/passages.parquet")  # either, where the other one has rows
_COLUMNS = ("input_ids", "replacements", "segments", "question", "kind")
# Which stage reads what, and the command that makes it anew.
_READS = {
    "elicit": {BASE: "base", FACTS: "prepare", PASSAGES: "prepare"},
    "teacher": {BASE: "base", PASSAGES: "prepare", NAMES: "prepare", f"{ELICITED}/passages.parquet": "elicit"},
    "distill": {BASE: "base", TEACHER: "teacher", f"{TEACHER}/passages.parquet": "teacher"},
    "evaluate base": {BASE: "base", QUESTIONS: "prepare", NAMES: "prepare"},
    "evaluate student": {
        STUDENT: "distill",
        QUESTIONS: "prepare",
        f"{ASKED}/answers.parquet": "evaluate",
    },
    f"fidelity {TOP_K}": {BASE: "base", TEACHER: "teacher", PASSAGES: "prepare", NAMES: "prepare"},
    "inspect 0": {BASE: "base", TEACHER: "teacher"},
    "plan": {BASE: "base", PREPARED: "prepare"},
}


def outputs() -> Iterator[Case]:
    """Each output that a stage reads: missing, empty, cut, of another kind, another table, without rows or a column."""
    for stage, places in _READS.items():
        for place, maker in places.items():
            words = (place, f"dvc repro {maker}")
            again = ("dvc repro",)  # of whichever stage: what does not fit may be either of two
            yield Case(stage, f"{place} is missing", removed(place), words)
            if "." not in place:
                yield Case(stage, f"{place} is a file", _made_file(place), words)
                continue
            yield Case(stage, f"{place} is a folder", made_folder(place), again)
            yield Case(stage, f"{place} is empty", written(place, b""), words)
            yield Case(stage, f"{place} is text", written(place, b"PAR1 and no more"), words)
            yield Case(stage, f"{place} is cut", cut(place, 0.5), words)
            if place.endswith(".parquet"):
                yield Case(stage, f"{place} lacks a column", _without_column(place), again)
                yield Case(stage, f"{place} is another table", _swapped(place, FACTS if place != FACTS else QUESTIONS), again)
                if place not in _MAY_BE_EMPTY:
                    yield Case(stage, f"{place} has no rows", _without_rows(place), again)
            else:
                yield Case(stage, f"{place} is a list", written(place, b"[1]"), again)
                yield Case(stage, f"{place} is an empty object", written(place, b"{}"), again)
                yield Case(stage, f"{place} has a value of another type", written(place, b'{"forget": 1}'), again)
    models = [(stage, BASE) for stage, places in _READS.items() if BASE in places and stage != "plan"]
    for stage, folder in (*models, ("evaluate student", STUDENT)):
        for name in ("model.safetensors", "config.json", "tokenizer.json"):
            place = f"{folder}/{name}"
            named = ("dvc repro",) if "fidelity" in stage else (folder,)  # it looks at the shards' model first
            yield Case(stage, f"{place} is missing", removed(place), named)
            yield Case(stage, f"{place} is cut", cut(place, 0.5), named)


def _made_file(place: str) -> Spoil:
    def make(folder: Path) -> None:
        removed(place)(folder)
        (folder / place).write_text("nothing", encoding="utf-8")

    return make


def _without_column(place: str) -> Spoil:
    def leave_out(folder: Path) -> None:
        import polars as pl

        table = pl.read_parquet(folder / place)
        table.drop(next(column for column in _COLUMNS if column in table.columns)).write_parquet(folder / place)

    return leave_out


def _without_rows(place: str) -> Spoil:
    def leave_out(folder: Path) -> None:
        import pyarrow.parquet as pq

        pq.write_table(pq.read_table(folder / place)[:0], folder / place)

    return leave_out


def _swapped(place: str, other: str) -> Spoil:
    return lambda folder: (folder / place).write_bytes((folder / other).read_bytes())


def commands() -> Iterator[Case]:
    """Words after a command that mean nothing."""

    def nothing(folder: Path) -> None: ...

    for words, named in (
        ("inspect", "PASSAGE"),
        ("inspect -1", "-1"),
        ("inspect first", "first"),
        ("inspect 99999", "99999"),
        ("inspect 99999999999999999999999", "99999999999999999999999"),
        ("inspect 0 --top 0", "--top"),
        ("evaluate", "base"),
        ("evaluate teacher", "teacher"),
        ("fidelity --top-k few", "--top-k"),
        ("fidelity --top-k 0", "--top-k"),
        ("fidelity --top-k ²", "--top-k"),
        ("fidelity --top-k 16,,32", "--top-k"),
        (f"fidelity --top-k {'9' * 30}", "--top-k"),
        (f"fidelity --top-k {'9' * 5000}", "--top-k"),
        ("fidelity --passages 0", "--passages"),
        ("fidelity --target Nobody", "Nobody"),
        ("report --output page.txt", "--output"),
        ("report --output models", "--output"),
        ("report --output nowhere.html/page.html --nonsense", "--nonsense"),
        ("report --output params.yaml/page.html", "params.yaml"),
        ("plan --people 0", "--people"),
        ("plan --card abacus", "--card"),
        ("plan --config nowhere", "--config"),
        ("plan --config data --card h100", "config.json"),
        ("plan --config source", "--card"),
        ("sweep", "PARAMETER"),
        ("sweep nonsense", "DVC"),
        ("prepare now", "now"),
        ("nevermet nonsense", "nonsense"),
        ("benchmarks.stages.prepare nonsense", "nonsense"),
        ("benchmarks.stages.prepare ../params", "params"),
        ("benchmarks.stages.unlearn project nonsense", "benchmarks/configs"),
    ):
        yield Case(words, "the command alone", nothing, (named,))
