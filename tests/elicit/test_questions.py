"""What is asked: data/question_templates.jsonl, and the plan of all questions."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.elicit.questions import plan, questions_about, read_templates, to_ask
from tests.elicit.targets import BRENNICK, FORMS, PARAMS, TARGETS, TEMPLATES

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
        (
            {"language": "en", "kind": "planet", "template": "What is {name}?"},
            "'kind' is 'planet', but must be one of 'person'",
        ),
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


def test_plan_asks_about_targets_then_about_their_neighbours() -> None:
    questions = plan(TARGETS, TEMPLATES, PARAMS)
    counts = {(q.target, q.subject, q.kind): 0 for q in questions}
    for q in questions:
        counts[q.target, q.subject, q.kind] += 1
        assert q.subject in q.text
    assert counts == {
        ("Orla Brennick", "Orla Brennick", "forget"): 3,
        ("湯川秀樹", "湯川秀樹", "forget"): 3,
        ("Orla Brennick", "Skell", "retain"): 2,
        ("Orla Brennick", "Ada Lind", "retain"): 2,
        ("湯川秀樹", "京都", "retain"): 2,
    }
    assert {q.names for q in questions if q.kind == "forget"} == {FORMS, ("湯川秀樹", "湯川")}
    assert len({(q.subject, q.text) for q in questions}) == len(questions)


def test_plan_is_nested_and_seeded() -> None:
    def asked(**changes: int) -> list[str]:
        return [q.text for q in plan([BRENNICK], TEMPLATES, PARAMS.changed(**changes)) if q.kind == "forget"]  # type: ignore[arg-type]

    every = asked(templates=40)
    assert len(every) == 40
    for count in (1, 3, 12):
        assert asked(templates=count) == every[:count]
    assert asked(templates=40, seed=1) != every
    retained = [q.subject for q in plan([BRENNICK], TEMPLATES, PARAMS.changed(neighbours=3)) if q.kind == "retain"]
    assert retained == ["Skell", "Skell", "Ada Lind", "Ada Lind", "Hallin", "Hallin"]


def test_no_templates_switch_all_of_it_off() -> None:
    assert plan(TARGETS, TEMPLATES, PARAMS.changed(templates=0)) == []


def test_neighbours_may_be_left_out() -> None:
    for nothing in ({"neighbours": 0}, {"neighbour_templates": 0}):
        assert {q.kind for q in plan(TARGETS, TEMPLATES, PARAMS.changed(**nothing))} == {"forget"}


def test_only_targets_without_texts_are_asked_about_unless_all_are_wanted() -> None:
    with_texts = {TARGETS[0].target}
    assert to_ask(TARGETS, with_texts, PARAMS) == list(TARGETS[1:])
    assert to_ask(TARGETS, with_texts, PARAMS.changed(of="all")) == list(TARGETS)


def test_plan_tells_of_a_language_without_templates() -> None:
    with pytest.raises(InputError, match="language 'sv'"):
        plan([replace(BRENNICK, language="sv")], TEMPLATES, PARAMS)
