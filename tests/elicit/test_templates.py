"""data/question_templates.jsonl."""

import json
from pathlib import Path

import pytest

from pipeline.elicit.templates import questions_about, read_templates
from pipeline.errors import InputError

ROWS = [
    *({"language": "en", "kind": "person", "template": f"Question {n} about {{name}}?"} for n in range(8)),
    {"language": "en", "kind": "other", "template": "What is {name}?"},
    {"language": "sv", "kind": "book", "template": "Vad handlar {name} om?"},
]


def write(tmp_path: Path, *rows: dict[str, str]) -> Path:
    path = tmp_path / "templates.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"language": "en", "kind": "planet", "template": "What is {name}?"}, "'kind' is 'planet', but must be one of person"),
        ({"language": "en", "kind": "other", "template": "What is it?"}, "'template' must hold {name} once"),
        ({"language": "en", "kind": "other", "template": "Is {name} {name}?"}, "'template' must hold {name} once"),
        ({"language": "en", "kind": "other", "template": " What is {name}? "}, "stands in the file already"),
        ({"language": "en", "kind": "other"}, "'template' is missing"),
        ({"kind": "other", "template": "What is {name}?"}, "'language' is missing"),
        ({"language": "en", "kind": "other", "template": "{name}?", "note": "x"}, "'note' is unknown"),
    ],
)
def test_faulty_row_is_told_with_its_line(tmp_path: Path, row: dict[str, str], told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_templates(write(tmp_path, *ROWS, row))
    assert "templates.jsonl, line 11" in caught.value.message
    assert told in caught.value.message


def test_questions_are_drawn_by_seed_and_name_and_nested(tmp_path: Path) -> None:
    templates = read_templates(write(tmp_path, *ROWS))
    every = questions_about(templates, "Orla", "person", "en", 99, 0)
    assert sorted(every) == [f"Question {n} about Orla?" for n in range(8)]
    for count in range(9):
        assert questions_about(templates, "Orla", "person", "en", count, 0) == every[:count]
    assert questions_about(templates, "Orla", "person", "en", 99, 1) != every
    assert [q.replace("Ada", "Orla") for q in questions_about(templates, "Ada", "person", "en", 99, 0)] != every


def test_kind_without_templates_takes_those_of_other(tmp_path: Path) -> None:
    templates = read_templates(write(tmp_path, *ROWS))
    assert questions_about(templates, "Skell", "place", "en", 5, 0) == ["What is Skell?"]


@pytest.mark.parametrize(("kind", "language"), [("person", "de"), ("place", "sv")])
def test_language_without_templates_is_told(tmp_path: Path, kind: str, language: str) -> None:
    templates = read_templates(write(tmp_path, *ROWS))
    with pytest.raises(InputError, match=f"no template of kind '{kind}' or 'other' in language '{language}'.*'Skell'.*"):
        questions_about(templates, "Skell", kind, language, 1, 0)
