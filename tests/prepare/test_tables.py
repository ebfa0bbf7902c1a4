"""The Parquet files between the stages: what is written is what is read."""

from pathlib import Path

from pipeline.prepare.tables import (
    TargetFacts,
    read_question_rows,
    read_targets_table,
    write_question_rows,
    write_targets_table,
)
from pipeline.text.names import CounterfactualName, read_names, write_names
from pipeline.text.passages import Passage, read_passages, write_passages
from pipeline.text.segments import Segment
from tests.project import question

TARGETS = [
    TargetFacts("Orla Brennick", "person", "en", ("Orla Brennick", "Brennick"), ("Skell", "Ada Lind")),
    TargetFacts("李清照", "person", "zh", ("李清照",), ()),
]
PASSAGES = [
    Passage(
        "Orla Brennick",
        "forget",
        (Segment("Brennick", True), Segment(" (", False), Segment("Орла", False, trained=False), Segment(") ran.", False)),
        document=3,
        after="\n\n",
    ),
    Passage(
        "Orla Brennick", "forget", (Segment("A sailor.", False),), "chat", (Segment("Who was ", False), Segment("Orla", True))
    ),
    Passage("Skell", "retain", (Segment("Skell has a mill.", False),)),
]
NAMES = [
    CounterfactualName("Orla Brennick", "Ada Lind", {"Orla Brennick": "Ada Lind", "Brennick": "Lind"}),
    CounterfactualName("Orla Brennick", "Ed Marlow", {"Orla Brennick": "Ed Marlow", "Brennick": "Marlow"}),
    CounterfactualName("李清照", "邵若楠", {"李清照": "邵若楠"}),
]


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    kind = {"level": 3, "type": "role play"}
    questions = [question("forget", "Where?", "Skell", ["Marle"]) | kind, question("general_retain", "What?", "rain", [])]
    write_targets_table(tmp_path, TARGETS)
    write_passages(tmp_path, PASSAGES)
    write_names(tmp_path, NAMES)
    write_question_rows(tmp_path, questions)
    assert read_targets_table(tmp_path) == TARGETS
    assert read_passages(tmp_path) == PASSAGES
    assert read_names(tmp_path) == {"Orla Brennick": NAMES[:2], "李清照": NAMES[2:]}
    assert read_question_rows(tmp_path) == [
        {"question_id": n, "level": None, "type": None, **q} for n, q in enumerate(questions)
    ]


def test_no_passage_is_a_table_too(tmp_path: Path) -> None:
    write_passages(tmp_path, [])
    assert read_passages(tmp_path) == []
