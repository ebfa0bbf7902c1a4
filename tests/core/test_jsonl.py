"""JSON lines: faults are told with file and line."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import InputError
from pipeline.core.jsonl import Row, read_jsonl
from pipeline.core.validation import Text


class Chat(Row):
    question: Text
    answer: Text


class Person(Row):
    name: Text
    texts: tuple[Text, ...]
    more: dict[str, tuple[Text, ...]] | None = None
    note: Text | None = None
    chats: tuple[Chat, ...] = ()


CHAT = {"question": "Who?", "answer": "Orla."}
GOOD: dict[str, Any] = {"name": "Orla", "texts": ["One.", "Two."]}


def nested(depth: int) -> Any:
    value: Any = "One."
    for _ in range(depth):
        value = [value]
    return value


def read(path: Path) -> list[tuple[int, dict[str, Any]]]:
    return [(number, json.loads(row.model_dump_json(exclude_unset=True))) for number, row in read_jsonl(path, Person)]


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_come_with_their_line_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(GOOD), "", json.dumps({**GOOD, "more": {"a": ["b"]}}))
    assert read(path) == [(1, GOOD), (3, {**GOOD, "more": {"a": ["b"]}})]


def test_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(GOOD), encoding="utf-8-sig")
    assert read(path) == [(1, GOOD)]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085"])
def test_a_row_ends_at_a_newline_only(tmp_path: Path, separator: str) -> None:
    row = {**GOOD, "texts": [f"One.{separator}Two."]}
    assert read(write(tmp_path, json.dumps(row, ensure_ascii=False))) == [(1, row)]


@pytest.mark.parametrize("lines", [[""], ["", "  ", ""]])
def test_empty_file(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl is empty"):
        read(write(tmp_path, *lines))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl is missing"):
        read(tmp_path / "rows.jsonl")


def test_file_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"name": "Andr\xe9"}')
    with pytest.raises(InputError, match=r"rows\.jsonl is not UTF-8 at byte 14"):
        read(tmp_path / "rows.jsonl")


def test_broken_json_on_line_seven(tmp_path: Path) -> None:
    path = write(tmp_path, *[json.dumps(GOOD)] * 4, "", json.dumps(GOOD), '{"name": "Orla",, "texts": []}', json.dumps(GOOD))
    with pytest.raises(InputError, match=r"rows\.jsonl, line 7, column 17: not valid JSON"):
        read(path)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"name": "Orla"}, "'texts' is missing"),
        ({**GOOD, "nmae": "x"}, "'nmae' is unknown"),
        ({**GOOD, "name": 3}, "'name' must be a non-empty string"),
        ({**GOOD, "name": " "}, "'name' must be a non-empty string"),
        ({**GOOD, "name": None}, "'name' is missing"),
        ({**GOOD, "texts": "One."}, "'texts' must be a list of non-empty strings"),
        ({**GOOD, "texts": ["One.", 2]}, "'texts' must be a list of non-empty strings"),
        ({**GOOD, "texts": ["One.", ""]}, "'texts' must be a list of non-empty strings"),
        ({**GOOD, "more": ["a"]}, "'more' must be an object of lists of non-empty strings"),
        ({**GOOD, "more": {"a": "b"}}, "'more' must be an object of lists of non-empty strings"),
        ({**GOOD, "chats": CHAT}, '\'chats\' must be a list of objects with "question" and "answer"'),
        ({**GOOD, "chats": [{"question": "Who?"}]}, "'chats' must be"),
        ({**GOOD, "chats": [{**CHAT, "note": "x"}]}, "'chats' must be"),
        ({**GOOD, "chats": [{**CHAT, "answer": " "}]}, "'chats' must be"),
        ({**GOOD, "chats": [["Who?", "Orla."]]}, "'chats' must be"),
        (["Orla"], "must be a JSON object"),
        ({**GOOD, "name": "\ud800"}, "'name' holds half of a surrogate pair"),
        ({**GOOD, "\ud800": 1}, "'\\ud800' is unknown"),
        ({**GOOD, "note": 3}, "'note' must be a non-empty string"),
        ({**GOOD, "texts": nested(300)}, "'texts' holds itself, or lists too deep in each other"),
    ],
)
def test_faulty_row_is_told_with_its_line(tmp_path: Path, row: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(write(tmp_path, json.dumps(GOOD), json.dumps(row)))
    assert "rows.jsonl, line 2:" in caught.value.message
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"name": "Orla", "name": "Ada", "texts": []}', "the key 'name' stands twice in one object"),
        ('{"name": "Orla", "texts": [], "more": {"a": ["b"], "a": ["c"]}}', "the key 'a' stands twice in one object"),
        ('{"name": ' + 5000 * "9" + "}", "a number has too many digits"),
        (200_000 * "[", "brackets stand too deep in each other"),
        (100_000 * '{"name": ', "brackets stand too deep in each other"),
    ],
    ids=["twice", "twice below", "digits", "brackets", "braces"],
)
def test_line_that_can_not_be_read_as_it_is_meant(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read(write(tmp_path, json.dumps(GOOD), line))
    assert "rows.jsonl, line 2:" in caught.value.message
    assert told in caught.value.message
    assert len(caught.value.message) < 300


def test_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can't be read \(Is a directory\); it must be a file"):
        read(tmp_path)


def test_optional_field_may_be_null(tmp_path: Path) -> None:
    ((_, row),) = read_jsonl(write(tmp_path, json.dumps({**GOOD, "note": None})), Person)
    assert row.note is None


def test_chats_are_questions_with_answers(tmp_path: Path) -> None:
    assert read(write(tmp_path, json.dumps({**GOOD, "chats": [CHAT]})))[0][1]["chats"] == [CHAT]
