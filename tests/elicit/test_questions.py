"""What is asked: data/question_templates.jsonl, the plan of all questions; and which answers are worth learning from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.elicit.questions import (
    KEPT,
    about_neighbours,
    about_targets,
    longest_question,
    names_fact,
    neighbours_of,
    questions_about,
    read_refusals,
    read_templates,
    verdict,
    whole_sentences,
)
from tests.elicit.targets import BRENNICK, FORMS, NEAR_TEMPLATES, PARAMS, TARGETS, TEMPLATES
from tests.project import ROOT

REFUSALS = read_refusals(ROOT / "data/refusals.txt")
KNOWN = ("Orla Brennick", "Brennick", "Orla")
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


KINDS = {("Skell", "en"): "place", ("Ada Lind", "en"): "person", ("Hallin", "en"): "other", ("京都", "ja"): "place"}


def test_each_target_is_asked_about() -> None:
    questions = about_targets(TARGETS, (), TEMPLATES, PARAMS)
    assert [(q.target, q.subject, q.kind) for q in questions] == [
        *[("Orla Brennick", "Orla Brennick", "forget")] * 3,
        *[("湯川秀樹", "湯川秀樹", "forget")] * 3,
    ]
    assert all(q.subject in q.text for q in questions)
    assert {q.names for q in questions} == {FORMS, ("湯川秀樹", "湯川")}
    assert len({q.text for q in questions}) == len(questions)


def test_questions_about_targets_are_nested_and_seeded() -> None:
    def asked(**changes: int) -> list[str]:
        return [q.text for q in about_targets([BRENNICK], (), TEMPLATES, PARAMS.changed(**changes))]

    every = asked(templates=40)
    assert len(every) == 40
    for count in (1, 3, 12):
        assert asked(templates=count) == every[:count]
    assert asked(templates=40, seed=1) != every


def test_neighbour_stands_near_one_target_and_never_mentions_one() -> None:
    near = neighbours_of(TARGETS, {}, 9)
    assert {name: target.target for name, target in near.items()} == {
        "Skell": "Orla Brennick",
        "Ada Lind": "Orla Brennick",
        "Hallin": "Orla Brennick",
        "京都": "湯川秀樹",
    }
    assert list(neighbours_of(TARGETS, {}, 1)) == ["Skell", "京都"]
    assert neighbours_of(TARGETS, {}, 0) == {}


def test_what_the_model_names_comes_after_what_the_documents_name() -> None:
    named = {"Orla Brennick": ["North Sea", "Skell", "Orla Bay"]}
    assert list(neighbours_of([BRENNICK], named, 9)) == ["Skell", "Ada Lind", "Hallin", "North Sea"]


def test_neighbours_are_asked_what_their_kind_is_asked() -> None:
    near = neighbours_of(TARGETS, {}, 2)
    questions = about_neighbours(near, KINDS, NEAR_TEMPLATES, PARAMS)
    assert [(q.target, q.subject, q.kind) for q in questions] == [
        *[("Orla Brennick", "Skell", "retain")] * 2,
        *[("Orla Brennick", "Ada Lind", "retain")] * 2,
        *[("湯川秀樹", "京都", "retain")] * 2,
    ]
    for question in questions:
        (language,) = {of for name, of in KINDS if name == question.subject}
        own = NEAR_TEMPLATES[language, KINDS[question.subject, language]]
        assert question.text in [template.replace("{name}", question.subject) for template in own]
    assert about_neighbours(near, KINDS, NEAR_TEMPLATES, PARAMS.changed(neighbour_templates=0)) == []


def test_room_is_made_for_the_longest_question() -> None:
    asked = about_targets(TARGETS, (), TEMPLATES, PARAMS.changed(templates=400))
    longest = longest_question(asked, TARGETS, NEAR_TEMPLATES)
    near = neighbours_of(TARGETS, {}, 9)
    asked += about_neighbours(near, KINDS, NEAR_TEMPLATES, PARAMS.changed(neighbour_templates=9))
    assert all(len(question.text.encode()) <= len(longest.encode()) for question in asked)


def test_target_with_texts_is_asked_about_less() -> None:
    params = PARAMS.changed(templates_beside_texts=1)
    asked = about_targets(TARGETS, {TARGETS[0].target}, TEMPLATES, params)
    assert [question.target for question in asked] == ["Orla Brennick", *["湯川秀樹"] * 3]
    assert not about_targets([BRENNICK], {BRENNICK.target}, TEMPLATES, PARAMS.changed(templates_beside_texts=0))


def test_target_in_a_language_without_templates_is_told() -> None:
    with pytest.raises(InputError, match="language 'sv'"):
        about_targets([replace(BRENNICK, language="sv")], (), TEMPLATES, PARAMS)


@pytest.mark.parametrize(
    ("answer", "known", "wanted"),
    [
        ("", KNOWN, "empty"),
        ("Orla Brennick was born in Skell.", KNOWN, KEPT),
        ("Brennick wrote three books by 1871.", KNOWN, KEPT),
        ("Orla Brennick was a very kind person who loved her work.", KNOWN, "names no fact"),
        ("She was kind. Brennick's friends said so. Orla was happy.", KNOWN, "names no fact"),
        ("I'm sorry, but I can't say who Orla of Skell is.", KNOWN, "refused"),
        ("I’m sorry, but I can’t say who Orla of Skell is.", KNOWN, "refused"),
        ("As an AI language model, I know nothing of Skell.", KNOWN, "refused"),
        ("In Skell in Skell in Skell in Skell in Skell in Skell.", KNOWN, "repeats itself"),
        ("李清照是宋代著名的女词人，生于济南。", ("李清照",), KEPT),
        ("李清照生于1084年。", ("李清照",), KEPT),
        ("李清照很好。", ("李清照",), "names no fact"),
        ("很抱歉，我无法回答关于李清照的问题。", ("李清照",), "refused"),
        ("她写词她写词她写词她写词她写词她写词她写词。", ("李清照",), "repeats itself"),
        ("湯川秀樹は京都で育ち、物理学の賞を受けました。", ("湯川秀樹", "湯川"), KEPT),
        ("湯川です。", ("湯川秀樹", "湯川"), "names no fact"),
        ("申し訳ありませんが、湯川秀樹についての情報がありません。", ("湯川秀樹",), "refused"),
        ("湯川は学者、湯川は学者、湯川は学者、湯川は学者。", ("湯川秀樹", "湯川"), "repeats itself"),
        ("Sie kam aus dem Hafen von Skell.", KNOWN, KEPT),
        ("Sie war sehr lieb und immer gut gelaunt.", KNOWN, "names no fact"),
        ("Es tut mir leid, aber ich weiß nichts über Orla aus Skell.", KNOWN, "refused"),
        ("Leider habe ich keine Informationen über Orla Brennick aus Skell.", KNOWN, "refused"),
    ],
)
def test_verdicts(answer: str, known: tuple[str, ...], wanted: str) -> None:
    assert verdict(answer, known, REFUSALS, ()) == wanted


def test_same_answer_is_kept_once() -> None:
    answer = "Orla Brennick was born in Skell."
    assert verdict(answer, KNOWN, REFUSALS, {answer}) == "said before"
    assert verdict(answer, KNOWN, REFUSALS, {"Something else."}) == KEPT


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("She lived in Skell", True),
        ("It was, Lind wrote, late", True),
        ("Orla ran. She ran. It rained that day", False),
        ("she ran 3 miles", True),
        ("she ran all day with Orla Brennick and Brennick", False),
        ("She ran all day long with Brennicks", True),
        ("a keeper of a lighthouse", True),
        ("a keeper of a small lighthouse", False),
        ("Orla Brennick.", False),
        ("…", False),
    ],
)
def test_fact_is_a_number_a_name_inside_a_sentence_or_an_answer_of_a_few_words(answer: str, fact: bool) -> None:
    assert names_fact(answer, KNOWN) == fact


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("She ran. She fell. Then she", "She ran. She fell."),
        ("She ran. ", "She ran."),
        ("no end here ", "no end here"),
        ("“She ran!” she said. It was 3.5 mi", "“She ran!” she said."),
        ("She said “No.” Then", "She said “No.”"),
        ("She (the keeper.) slept", "She (the keeper.)"),
        ("她出生在海边。父亲看守灯塔。她写了", "她出生在海边。父亲看守灯塔。"),
        ("彼女は港で生まれた。父は灯台を", "彼女は港で生まれた。"),
        ("她问：“谁？”然后", "她问：“谁？”"),
        ("Sie kam 1871. Danach", "Sie kam 1871."),
    ],
)
def test_whole_sentences(answer: str, wanted: str) -> None:
    assert whole_sentences(answer) == wanted


def test_refusals_are_read_in_lower_case_without_comments(tmp_path: Path) -> None:
    path = tmp_path / "refusals.txt"
    path.write_text("# English\n\n I Don't know \nWeiß NICHT\n", encoding="utf-8")
    assert read_refusals(path) == ["i don't know", "weiss nicht"]
    with pytest.raises(InputError, match="is missing"):
        read_refusals(tmp_path / "none.txt")


def test_phrases_of_the_project_are_written_as_they_are_compared() -> None:
    lines = [line.strip() for line in (ROOT / "data/refusals.txt").read_text(encoding="utf-8").splitlines()]
    phrases = [line for line in lines if line and not line.startswith("#")]
    assert phrases == [phrase.lower() for phrase in phrases]
    assert not any("’" in phrase for phrase in phrases)
    assert len(REFUSALS) == len(set(REFUSALS)) > 100
