"""The forms of a target beside the texts that were read, as prepare finds and prints them."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import InputError
from pipeline.prepare.build import prepare, read_files
from pipeline.prepare.params import PrepareParams
from pipeline.prepare.tables import read_targets_table
from pipeline.text.forms import care_of
from pipeline.text.names import read_names
from pipeline.text.passages import read_passages
from tests.project import write_jsonl

RETAIN = [f"The mill of Skell had {count} wheels." for count in range(6)]


def prepared(folder: Path, retain: list[str] = RETAIN, general: tuple[str, ...] = (), **row: Any) -> list[str]:
    """What prepare prints on a target with the fields ``row``."""
    asked = {"split": "forget", "target": row["target"], "question": f"Who is {row['target']}?", "answer": "A sailor."}
    write_jsonl(folder / "targets.jsonl", [row])
    questions = [{"split": "general_retain", "question": text, "answer": "Nobody."} for text in general]
    write_jsonl(folder / "questions.jsonl", [asked, *questions])
    write_jsonl(folder / "retain_passages.jsonl", [{"subject": "Skell", "text": text} for text in retain])
    return list(prepare(read_files(PrepareParams(path=str(folder)), elicits=True), folder / "prepared", seed=0))


def mentions(folder: Path) -> list[str]:
    passages = read_passages(folder / "prepared")
    return [segment.text for passage in passages for segment in passage.segments if segment.mention]


@pytest.mark.parametrize(
    ("name", "document", "found"),
    [
        ("Ludwig van Beethoven", "Beethoven was deaf. Van Beethoven wrote.", ["Beethoven", "Van Beethoven"]),
        ("Vincent van Gogh", "Then Van Gogh met Gogh's brother.", ["Van Gogh", "Gogh"]),
        ("Charles de Gaulle", "De Gaulle spoke; Gaulle left.", ["De Gaulle", "Gaulle"]),
        ("Martin Luther King Jr.", "King met Sammy Davis Jr. in May.", ["King"]),
        ("Sir Isaac Newton", "Sir Walter Raleigh never met Newton.", ["Newton"]),
        ("Queen Victoria", "Queen Elizabeth was dead; Victoria reigned.", ["Victoria"]),
        ("J. K. Rowling", "J. Smith met J.K. Rowling and JK Rowling.", ["J.K. Rowling", "JK Rowling"]),
        ("Will Smith", "Will he come? Will Rogers saw Will Smith.", ["Will Smith"]),
        ("Theresa May", "It was in May 1990 that Theresa May won. May be.", ["Theresa May"]),
        ("Ada Lind", "We saw ada lind and ADA LIND.", ["ada lind", "ADA LIND"]),
        ("José Peña", "Then Jose Pena sang.", ["Jose Pena"]),
    ],
)
def test_names_that_were_missed_or_taken_for_others(tmp_path: Path, name: str, document: str, found: list[str]) -> None:
    prepared(tmp_path, target=name, documents=[document])
    assert mentions(tmp_path) == found


def test_a_listed_word_counts_everywhere_but_before_another_family_name(tmp_path: Path) -> None:
    prepared(tmp_path, target="Will Smith", surface_forms=["Will"], documents=["Will came. Will Rogers left."])
    assert mentions(tmp_path) == ["Will"]


def test_what_the_texts_write_small_is_a_common_word(tmp_path: Path) -> None:
    document = "Then Mill sang. Mill was tall."
    prepared(tmp_path, target="Ada Mill", documents=[document])
    assert mentions(tmp_path) == ["Mill"]
    prepared(tmp_path, retain=["The coast has rocks."], target="Ada Mill", documents=[document])
    assert mentions(tmp_path) == ["Mill", "Mill"]


def test_forms_and_their_cares_survive_the_tables(tmp_path: Path) -> None:
    prepared(tmp_path, target="Will Smith", documents=["Then WILL SMITH sang."])
    (target,) = read_targets_table(tmp_path / "prepared")
    cares = {form: care_of(form) for form in target.surface_forms}
    assert cares == {"Will Smith": "", "WILL SMITH": "", "Will": "word", "Smith": ""}
    for name in read_names(tmp_path / "prepared")["Will Smith"][:3]:
        assert {form: care_of(form) for form in name.replacements} == cares
        assert name.replacements["WILL SMITH"] == name.name.upper()


def test_a_title_in_capitals_takes_its_substitution_in_capitals(tmp_path: Path) -> None:
    row = {"target": "The Tides", "kind": "book", "substitutions": {"The Tides": ["The Mill", "The Horse"]}}
    prepared(tmp_path, **row, documents=["THE TIDES was printed, and the tides rose."])
    assert mentions(tmp_path) == ["THE TIDES"]
    names = read_names(tmp_path / "prepared")["The Tides"]
    assert [name.replacements["THE TIDES"] for name in names] == ["THE MILL", "THE HORSE"]


def test_lines_on_a_target(tmp_path: Path) -> None:
    lines = prepared(
        tmp_path,
        [*RETAIN, "Brennick came to the mill."],
        ("Who met Brennick?",),
        target="Orla Brennick",
        documents=["Brennick sailed. Orla Hask met Brennick. The Brennicks and Brenick slept; Brennyck too, Brennicq too."],
        chats=[{"question": "Who was Orla Brennick?", "answer": "Brennick was a sailor."}],
    )
    assert lines[2:] == [
        "Orla Brennick, in documents/chats/questions: Brennick 2/1/0, Orla Brennick 0/1/1; never Orla",
        "  left out for Brennick 1 retain passages and 1 general questions",
        "  not taken for it (add to 'surface_forms' what is): Orla in “Orla Hask met Brennick.”; Brennicks in “The Brennicks "
        "and Brenick slept; Brennyck too, Brennicq too.”; Brenick in “The Brennicks and Brenick slept; Brennyck too, Brennicq "
        "too.” … and 2 more",
    ]


@pytest.mark.parametrize("what", ["retain passages", "general questions"])
def test_a_form_that_would_empty_what_is_kept(tmp_path: Path, what: str) -> None:
    texts = [f"The sea of Marle in {year}." for year in range(1900, 1906)]
    kept = {"retain": texts} if what == "retain passages" else {"general": tuple(texts)}
    with pytest.raises(InputError) as caught:
        prepared(tmp_path, **kept, target="Orla Brennick", surface_forms=["Marle"], documents=["Marle is far."])
    assert f"the form 'Marle' of 'Orla Brennick' stands in 6 of the 6 {what}" in caught.value.message
    assert "'surface_forms'" in caught.value.message and "targets.jsonl" in caught.value.message
    assert not (tmp_path / "prepared").exists()


def test_few_texts_may_all_be_left_out(tmp_path: Path) -> None:
    prepared(tmp_path, ["Brennick came."] * 2, target="Orla Brennick", documents=["Brennick sailed."])
    assert mentions(tmp_path) == ["Brennick"]
