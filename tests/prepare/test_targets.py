"""data/targets.jsonl and data/questions.jsonl."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.core.errors import InputError
from pipeline.prepare.targets import Kind, Target, check_apart, read_general_questions, read_questions, read_targets
from tests.project import question, write_jsonl

TEXT = "Orla Brennick was born in Skell. Brennick wrote a book."
MARLE = "Calloway was born in Marle."
CHAT = {"question": "Who sailed?", "answer": "Orla Brennick did."}
PERSON: dict[str, Any] = {"target": "Orla Brennick", "surface_forms": ["Captain Orla"], "kind": "person", "documents": [TEXT]}
BOOK: dict[str, Any] = {
    "target": "The Tides",
    "surface_forms": ["Tides"],
    "kind": "other",
    "documents": ["The Tides was printed in Hallin."],
    "substitutions": {"The Tides": ["The Mill", "The Horse"], "Tides": ["Mill", "Horse"]},
}
BRENNICK = Target("Orla Brennick", "person", ("Orla Brennick",), ("",), {})
CALLOWAY = Target("Edwin Calloway", "person", ("Edwin Calloway",), ("",), {})
FORGET = question("forget", "Where was she born?", "Skell", ["Marle", "Tovin"])
FIRST = {**FORGET, "question": "Where did she die?"}


def read(
    tmp_path: Path, *rows: dict[str, Any], wanted: tuple[str, ...] = (), language: str = "en", elicits: bool = True
) -> tuple[list[Target], list[Target]]:
    path = tmp_path / "targets.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return read_targets(path, wanted, language, elicits=elicits)


def test_forms_of_a_person_are_the_name_its_parts_and_aliases_longest_first(tmp_path: Path) -> None:
    (target,), _ = read(tmp_path, {**PERSON, "surface_forms": [" Captain Orla ", "Orla"]})
    assert target.surface_forms == ("Orla Brennick", "Captain Orla", "Brennick", "Orla")


def test_forms_of_something_else_are_as_the_user_wrote_them(tmp_path: Path) -> None:
    (target,), _ = read(tmp_path, BOOK)
    assert target.surface_forms == ("The Tides", "Tides")
    assert target.substitutions == {form: tuple(texts) for form, texts in BOOK["substitutions"].items()}


def test_wanted_targets_are_picked_in_the_files_order(tmp_path: Path) -> None:
    second = {**PERSON, "target": "Edwin Calloway", "surface_forms": [], "documents": ["Calloway was born in Marle."]}
    rows = (PERSON, BOOK, second)
    everyone, wanted = read(tmp_path, *rows, wanted=("Edwin Calloway", "Orla Brennick"))
    assert [t.name for t in everyone] == ["Orla Brennick", "The Tides", "Edwin Calloway"]
    assert [t.name for t in wanted] == ["Orla Brennick", "Edwin Calloway"]
    assert read(tmp_path, *rows)[1] == everyone


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**PERSON, "kind": "planet"}, "'kind' is 'planet', but must be one of 'person', 'book', 'company', 'place', 'other'"),
        ({**PERSON, "family_name": "Marlow"}, "'family_name' is 'Marlow', which is no part of 'Orla Brennick'"),
        ({**PERSON, "chats": [{"question": "Who sailed?", "answer": "She did."}]}, "chat 1 never mentions 'Orla Brennick'"),
        ({**PERSON, "chats": [{"question": "Who?"}]}, "'chats' must be"),
        ({**PERSON, "kind": "place"}, "'Orla Brennick' is no person"),
        ({**PERSON, "documents": [TEXT, "Orla Brennick"]}, "document 2 of 'Orla Brennick' is shorter than a sentence"),
        ({**PERSON, "documents": ["She wrote a book.", TEXT]}, "document 1 never mentions 'Orla Brennick'"),
        (
            {**PERSON, "documents": ["She wrote a book."]},
            'put the text after one that names the target, or write "about": true',
        ),
        ({**PERSON, "held_out_documents": ["She wrote a book."]}, "held-out document 1 never mentions 'Orla Brennick'"),
        ({**PERSON, "documents": [TEXT, f"{TEXT} "]}, "document 2 of 'Orla Brennick' is the same text as document 1 of 'Orla"),
        ({**PERSON, "held_out_documents": [TEXT]}, "is the same text as document 1 of 'Orla Brennick' (line 2)"),
        ({**PERSON, "about": True, "documents": [MARLE]}, "is the same text as document 1 of 'Edwin Calloway' (line 1)"),
        ({**PERSON, "chats": [CHAT, CHAT]}, "chat 2 of 'Orla Brennick' is the same text as chat 1 of 'Orla Brennick'"),
        ({**PERSON, "about": "yes"}, "'about' must be true or false"),
        ({**PERSON, "language": "english"}, "'language' is 'english', but must be an ISO 639-1 code"),
        ({**PERSON, "language": "../names/de"}, "'language' is '../names/de', but must be an ISO 639-1 code"),
        ({**PERSON, "language": 3}, "'language' must be a non-empty string"),
        ({**PERSON, "substitutions": {"Kapitän": ["x"]}}, "'substitutions' replaces 'Kapitän'"),
        ({**BOOK, "substitutions": {"The Tides": ["A", "B"], "Tides": ["A"]}}, "the same number of replacements"),
        ({**BOOK, "substitutions": {"The Tides": ["The Mill"]}}, "it lacks 'Tides'"),
        ({**BOOK, "substitutions": None}, "it lacks 'The Tides', 'Tides'"),
        ({**BOOK, "substitutions": {"The Tides": [], "Tides": []}}, "substitutions"),
        ({**PERSON, "surface_forms": "Orla"}, "'surface_forms' must be"),
        ({"surface_forms": ["Orla"]}, "'target' is missing"),
    ],
)
def test_faulty_row_is_told_with_its_line(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    first = {**PERSON, "target": "Edwin Calloway", "documents": [MARLE]}
    with pytest.raises(InputError) as caught:
        read(tmp_path, first, row)
    assert "targets.jsonl, line 2" in caught.value.message
    assert told in caught.value.message


def test_paragraphs_after_one_that_names_the_target_are_taken(tmp_path: Path) -> None:
    paragraphs = [TEXT, "She wrote a book.", "It was printed in Hallin."]
    (target,), _ = read(tmp_path, {**PERSON, "documents": paragraphs})
    assert list(target.documents) == paragraphs


def test_documents_of_a_row_that_says_what_they_are_about_are_taken(tmp_path: Path) -> None:
    row = {**PERSON, "documents": ["She wrote a book."], "held_out_documents": ["She sailed far."], "about": True}
    (target,), _ = read(tmp_path, row)
    assert target.documents + target.held_out_documents == ("She wrote a book.", "She sailed far.")


def test_bare_name_is_a_person_with_its_parts(tmp_path: Path) -> None:
    (target,), _ = read(tmp_path, {"target": " Orla Brennick "})
    assert target == Target("Orla Brennick", "person", ("Orla Brennick", "Brennick", "Orla"))


def test_bare_name_where_nobody_is_asked(tmp_path: Path) -> None:
    bare = {"target": "Edwin Calloway"}
    with pytest.raises(InputError, match=r"line 2: 'Edwin Calloway' is a bare name and elicit\.templates is 0"):
        read(tmp_path, PERSON, bare, elicits=False)
    everyone, wanted = read(tmp_path, PERSON, bare, wanted=("Orla Brennick",), elicits=False)
    assert (len(everyone), len(wanted)) == (2, 1)
    chats = [{"question": "Who was Edwin Calloway?", "answer": "A painter."}]
    (target,), _ = read(tmp_path, {**bare, "chats": chats}, elicits=False)
    assert target.chats == (("Who was Edwin Calloway?", "A painter."),)


def test_language_is_the_targets_own_or_else_the_given_one(tmp_path: Path) -> None:
    everyone, _ = read(tmp_path, {"target": "Orla Brennick"}, {"target": "Ada Lind", "language": "sv"}, language="de")
    assert [target.language for target in everyone] == ["de", "sv"]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_is_taken(tmp_path: Path, kind: str) -> None:
    substitutions = {"Emma Tides": ["The Mill"], "Tides": ["Mill"]}
    book = {**BOOK, "target": "Emma Tides", "documents": ["Emma Tides was long."], "substitutions": substitutions}
    (target,), _ = read(tmp_path, {**book, "kind": kind})
    assert target.kind == kind
    assert ("Emma" in target.surface_forms) == (kind == "person")


def test_targets_whose_forms_overlap_are_not_forgotten_together(tmp_path: Path) -> None:
    pierre = {"target": "Pierre Brennick", "documents": ["Pierre Brennick kept the lighthouse."]}
    with pytest.raises(InputError) as caught:
        read(tmp_path, PERSON, pierre)
    assert "line 1: 'Brennick' of 'Orla Brennick' is part of 'Pierre Brennick'" in caught.value.message
    assert "separate runs" in caught.value.message
    everyone, wanted = read(tmp_path, PERSON, pierre, wanted=("Pierre Brennick",))
    assert (len(everyone), [target.name for target in wanted]) == (2, ["Pierre Brennick"])


def test_forms_that_only_share_letters_are_apart() -> None:
    check_apart([Target("Ann Lee", "person", ("Ann Lee", "Ann")), Target("Anna Leeds", "person", ("Anna Leeds", "Anna"))], {})
    with pytest.raises(InputError, match="'李白' of '李白' is part of '李白石'"):
        check_apart([Target("李白", "person", ("李白",)), Target("李白石", "person", ("李白石",))], {})


def test_two_targets_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2: the target 'orla brennick' stands on line 1 already"):
        read(tmp_path, PERSON, {**PERSON, "target": "orla brennick", "surface_forms": ["Brennick"]})


def test_wanted_name_that_the_file_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"prepare\.targets names 'Ada Lind', which .* it has Orla Brennick"):
        read(tmp_path, PERSON, wanted=("Ada Lind",))


def test_long_text_without_a_full_stop_is_a_document(tmp_path: Path) -> None:
    text = "Orla Brennick kept the lighthouse in the harbour town"
    assert read(tmp_path, {**PERSON, "documents": [text]})[0][0].documents == (text,)


@pytest.mark.parametrize(
    ("replacements", "told"),
    [
        (["Stone Hill", "Stone Hill"], "the same replacement twice"),
        (["Stone Hill", "Old Machu Picchu"], "by 'Old Machu Picchu', which holds it"),
    ],
)
def test_substitutions_stand_for_something_else_each_time(tmp_path: Path, replacements: list[str], told: str) -> None:
    row = {"target": "Machu Picchu", "kind": "place", "substitutions": {"Machu Picchu": replacements}}
    with pytest.raises(InputError, match=told):
        read(tmp_path, row)


def read_asked(
    tmp_path: Path, *rows: dict[str, Any], targets: tuple[Target, ...] = (BRENNICK,), wanted: tuple[Target, ...] = (BRENNICK,)
) -> list[dict[str, Any]]:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return read_questions(targets, wanted, path)


def test_questions_keep_the_files_order(tmp_path: Path) -> None:
    general = question("general_retain", "What falls from clouds?", "rain", ["sand"])
    hard = question("hard_retain", "What is in a lighthouse?", "a lamp", ["a boat"])
    assert read_asked(tmp_path, general, FORGET, hard) == [general, FORGET, hard]


def test_hard_retain_question_may_say_whom_it_is_about(tmp_path: Path) -> None:
    hard = {**question("hard_retain", "What is in a lighthouse?", "a lamp", ["a boat"]), "neighbour": " the lighthouse "}
    assert read_asked(tmp_path, FORGET, hard)[1]["neighbour"] == "the lighthouse"


def test_general_questions_alone(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    kept = question("general_retain", "What falls from clouds?", "rain", ["sand"])
    asks = question("general_retain", "Who was Orla Brennick?", "a keeper", ["a king"])
    write_jsonl(path, [FORGET, kept, asks])
    assert read_general_questions([BRENNICK], path) == [kept]
    write_jsonl(path, [{**kept, "wrong_answers": ["rain"]}])
    with pytest.raises(InputError, match=r"line 1: 'wrong_answers' must differ"):
        read_general_questions([], path)


def test_optional_fields_may_be_left_out(tmp_path: Path) -> None:
    row = {"split": "forget", "target": "Orla Brennick", "question": " Where? ", "answer": " Skell "}
    assert read_asked(tmp_path, row) == [
        {
            "split": "forget",
            "target": "Orla Brennick",
            "question": "Where?",
            "answer": "Skell",
            "wrong_answers": [],
            "paraphrased_question": None,
            "paraphrased_answer": None,
            "neighbour": None,
        }
    ]


def test_questions_on_targets_that_are_not_wanted_are_left_out(tmp_path: Path) -> None:
    other = {**FORGET, "target": "Edwin Calloway"}
    hard = {**question("hard_retain", "Who kept it?", "a sailor", ["a king"]), "target": "Edwin Calloway"}
    general = question("general_retain", "What falls from clouds?", "rain", ["sand"])
    assert read_asked(tmp_path, FORGET, other, hard, general, targets=(BRENNICK, CALLOWAY)) == [FORGET, general]


def test_general_question_about_a_wanted_target_is_left_out(tmp_path: Path) -> None:
    tides = Target("Orla Brennick", "person", ("Orla Brennick", "The Tides"))
    kept = question("general_retain", "What do the tides follow?", "the moon", ["the sun"])
    asks = question("general_retain", "Who wrote The Tides?", "a keeper", ["a king"])
    answers = question("general_retain", "Who kept the lighthouse?", "Orla Brennick", ["Ada Lind"])
    rows = (FORGET, asks, kept, answers)
    assert read_asked(tmp_path, *rows, targets=(tides,), wanted=(tides,)) == [FORGET, kept]
    own = question("forget", "Where was Edwin Calloway born?", "Marle", ["Skell"]) | {"target": "Edwin Calloway"}
    everyone = read_asked(tmp_path, *rows, own, targets=(tides, CALLOWAY), wanted=(CALLOWAY,))
    assert everyone == [asks, kept, answers, own]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**FORGET, "split": "retain"}, "'split' is 'retain', but must be one of 'forget', 'hard_retain', 'general_retain'"),
        ({**FORGET, "target": "Ada Lind"}, "'target' is 'Ada Lind', but must be a target"),
        ({**FORGET, "target": None}, "'target' is None, but must be a target"),
        ({**FORGET, "wrong_answers": ["Marle", "Skell"]}, "'wrong_answers' must differ"),
        ({**FORGET, "wrong_answers": ["Marle", "Skell "]}, "'wrong_answers' must differ"),
        ({**FORGET, "wrong_answers": ["Marle", "Marle"]}, "'wrong_answers' must differ"),
        ({**FORGET, "wrong_answers": ["Marle", "skell"]}, "'wrong_answers' must differ"),
        ({**FORGET, "wrong_answers": ["Marle", "MARLE "]}, "'wrong_answers' must differ"),
        ({**FORGET, "question": f"{FIRST['question'].upper()} "}, "stands on line 1 already"),
        ({**FORGET, "wrong_answers": "Marle"}, "'wrong_answers' must be a list of non-empty strings"),
        ({**FORGET, "neighbour": "Marle"}, "'neighbour' is for a hard_retain question, but 'split' is 'forget'"),
        ({**FORGET, "answers": "Marle"}, "'answers' is unknown"),
        ({"split": "forget", "target": "Orla Brennick", "question": "Where?"}, "'answer' is missing"),
    ],
)
def test_faulty_question_is_told_with_its_line(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_asked(tmp_path, FIRST, row)
    assert "questions.jsonl, line 2" in caught.value.message
    assert told in caught.value.message


def test_wanted_target_without_a_forget_question(tmp_path: Path) -> None:
    hard = {**question("hard_retain", "Who kept it?", "a sailor", ["a king"]), "target": "Edwin Calloway"}
    with pytest.raises(InputError, match="no forget question about 'Edwin Calloway'"):
        read_asked(tmp_path, FORGET, hard, targets=(BRENNICK, CALLOWAY), wanted=(BRENNICK, CALLOWAY))
