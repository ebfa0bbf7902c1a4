"""data/targets.jsonl."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import InputError
from pipeline.prepare.targets import Target, name_parts, read_targets

TEXT = "Orla Brennick was born in Skell. Brennick wrote a book."
PERSON: dict[str, Any] = {"target": "Orla Brennick", "surface_forms": ["Captain Orla"], "kind": "person", "documents": [TEXT]}
BOOK: dict[str, Any] = {
    "target": "The Tides",
    "surface_forms": ["Tides"],
    "kind": "other",
    "documents": ["The Tides was printed in Hallin."],
    "substitutions": {"The Tides": ["The Mill", "The Horse"], "Tides": ["Mill", "Horse"]},
}


def read(tmp_path: Path, *rows: dict[str, Any], wanted: tuple[str, ...] = ()) -> tuple[list[Target], list[Target]]:
    path = tmp_path / "targets.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return read_targets(path, wanted)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Isaac Newton", ["Isaac", "Newton"]),
        ("Leonardo da Vinci", ["Leonardo", "da Vinci"]),
        ("Ludwig Mies van der Rohe", ["Ludwig", "van der Rohe"]),
        ("John Stuart Mill", ["John", "Mill"]),
        ("Plato", []),
    ],
)
def test_name_parts(name: str, parts: list[str]) -> None:
    assert name_parts(name) == parts


def test_forms_of_a_person_are_the_name_its_parts_and_aliases_longest_first(tmp_path: Path) -> None:
    (target,), _ = read(tmp_path, {**PERSON, "surface_forms": [" Captain Orla ", "Orla"]})
    assert target.surface_forms == ("Orla Brennick", "Captain Orla", "Brennick", "Orla")


def test_forms_of_something_else_are_as_the_user_wrote_them(tmp_path: Path) -> None:
    (target,), _ = read(tmp_path, BOOK)
    assert target.surface_forms == ("The Tides", "Tides")
    assert target.substitutions == BOOK["substitutions"]


def test_wanted_targets_are_picked_in_the_files_order(tmp_path: Path) -> None:
    second = {**PERSON, "target": "Edwin Calloway", "documents": ["Calloway was born in Marle."]}
    rows = (PERSON, BOOK, second)
    everyone, wanted = read(tmp_path, *rows, wanted=("Edwin Calloway", "Orla Brennick"))
    assert [t.name for t in everyone] == ["Orla Brennick", "The Tides", "Edwin Calloway"]
    assert [t.name for t in wanted] == ["Orla Brennick", "Edwin Calloway"]
    assert read(tmp_path, *rows)[1] == everyone


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**PERSON, "kind": "place"}, "'kind' is 'place', but must be \"person\" or \"other\""),
        ({**PERSON, "documents": []}, "'Orla Brennick' has no document"),
        ({**PERSON, "documents": [TEXT, "Orla Brennick"]}, "document 2 of 'Orla Brennick' is shorter than a sentence"),
        ({**PERSON, "documents": [TEXT, "She wrote a book."]}, "document 2 never mentions 'Orla Brennick'"),
        ({**PERSON, "substitutions": {"Kapitän": ["x"]}}, "'substitutions' replaces 'Kapitän'"),
        ({**BOOK, "substitutions": {"The Tides": ["A", "B"], "Tides": ["A"]}}, "the same number of replacements"),
        ({**BOOK, "substitutions": {"The Tides": ["The Mill"]}}, "it lacks 'Tides'"),
        ({**BOOK, "substitutions": None}, "it lacks 'The Tides', 'Tides'"),
        ({**BOOK, "substitutions": {"The Tides": [], "Tides": []}}, "substitutions"),
        ({**PERSON, "surface_forms": "Orla"}, "'surface_forms' must be"),
        ({"target": "Orla Brennick"}, "is missing"),
    ],
)
def test_faulty_row_is_told_with_its_line(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    first = {**PERSON, "target": "Edwin Calloway", "documents": ["Calloway was born in Marle."]}
    with pytest.raises(InputError) as caught:
        read(tmp_path, first, row)
    assert "targets.jsonl, line 2" in caught.value.message
    assert told in caught.value.message


def test_two_targets_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: the target 'orla brennick' stands on line 1 already"):
        read(tmp_path, PERSON, {**PERSON, "target": "orla brennick", "surface_forms": ["Brennick"]})


def test_wanted_name_that_the_file_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"prepare\.targets names 'Ada Lind', which .* it has Orla Brennick"):
        read(tmp_path, PERSON, wanted=("Ada Lind",))


def test_long_text_without_a_full_stop_is_a_document(tmp_path: Path) -> None:
    text = "Orla Brennick kept the lighthouse in the harbour town"
    assert read(tmp_path, {**PERSON, "documents": [text]})[0][0].documents == (text,)
