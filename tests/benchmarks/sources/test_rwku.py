"""RWKU: people with passages or by the name alone, and their probes."""

import json
import shutil
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pytest

from benchmarks.criteria.measures import RWKU_TYPES
from benchmarks.sources import rwku
from benchmarks.sources.params import SourceParams
from benchmarks.sources.read import read_source
from benchmarks.sources.rwku import prompt, without_headings
from benchmarks.sources.wrong_answers import answer_kind, words_of
from pipeline.core.errors import InputError
from pipeline.prepare.build import prepare
from pipeline.prepare.tables import Source, read_question_rows
from pipeline.text.names import read_names
from pipeline.text.passages import read_passages
from pipeline.text.segments import mentions
from tests.project import ROOT

OWN = ROOT / "tests/data/rwku"  # the benchmark's shape, with invented people
REAL = ROOT.parent / "shared/data/rwku"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} with rows of the real benchmark is absent")
SINGER, SURVEYOR = "Ottoline", "J. T. Harrowgate"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the general questions and the names are."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the rows, to be changed."""
    return shutil.copytree(OWN, tmp_path / "rows")


def params(folder: Path = OWN, subset: str = "passages", **values: Any) -> SourceParams:
    return SourceParams(source="rwku", subset=subset, path=str(folder), **values)


def read(folder: Path = OWN, subset: str = "passages", **values: Any) -> Source:
    return read_source(params(folder, subset, **values), elicits=False)


def about(source: Source, **wanted: Any) -> list[dict[str, Any]]:
    """The probes with these values."""
    return [q for q in source.questions if all(q.get(key) == value for key, value in wanted.items())]


def asks(source: Source, text: str) -> dict[str, Any]:
    (found,) = [q for q in source.questions if text in q["question"]]
    return found


def test_two_passages_are_held_out_and_those_that_mention_nobody_left_out() -> None:
    for target in read().targets:
        assert (len(target.documents), len(target.held_out_documents)) == (2, 2)
        assert all(mentions(text, target.surface_forms) for text in (*target.documents, *target.held_out_documents))
        assert not any("==" in text for text in (*target.documents, *target.held_out_documents))


def test_for_a_bare_name_all_passages_are_held_out() -> None:
    bare, given = read(subset="bare"), read()
    assert [target.documents for target in bare.targets] == [(), ()]
    assert [t.held_out_documents for t in bare.targets] == [t.documents + t.held_out_documents for t in given.targets]
    assert bare.questions == given.questions


def test_a_name_is_found_however_its_accents_are_written(folder: Path) -> None:
    for path in folder.glob("*.jsonl"):
        text = path.read_text(encoding="utf-8").replace(SINGER, "Ottoliné")
        if path.name == "passage.jsonl":  # the hub has both
            text = unicodedata.normalize("NFD", text)
        path.write_text(text, encoding="utf-8")
    (singer,) = [target for target in read(folder).targets if target.name == "Ottoliné"]
    assert len(singer.documents) == 2
    assert all("Ottoliné" in text for text in singer.documents)


def test_names_of_several_shapes() -> None:
    singer, surveyor = read().targets
    assert (singer.name, singer.surface_forms) == (SINGER, ("Ottoline Vesper Hask", "Ottoline"))
    assert set(surveyor.surface_forms) == {
        "John Tobias Harrowgate",
        "J. T. Harrowgate",
        "J.T. Harrowgate",
        "JT Harrowgate",
        "Harrowgate",
    }


def test_name_of_the_first_sentence_gives_way_to_another_who_is_called_by_it(folder: Path) -> None:
    file = folder / "passage.jsonl"
    file.write_text(
        file.read_text(encoding="utf-8").replace("Ottoline Vesper Hask", "Ottoline Hask Harrowgate"), encoding="utf-8"
    )
    singer, surveyor = read(folder).targets
    assert singer.surface_forms == (SINGER,)
    assert "Harrowgate" in surveyor.surface_forms
    assert "Ottoline Hask Harrowgate" in read(folder, targets=(SINGER,)).targets[0].surface_forms


def test_probes_know_their_kind() -> None:
    source = read()
    assert Counter((q["split"], q.get("level")) for q in source.questions if q["target"]) == {
        ("forget", 1): 15,
        ("forget", 2): 6,
        ("forget", 3): 10,
        ("hard_retain", 1): 2,
        ("hard_retain", 2): 2,
    }
    assert {q["type"] for q in about(source, level=1)} == {"cloze"}
    assert {q["type"] for q in about(source, level=2)} == {"simple question"}
    assert {q["type"] for q in about(source, level=3)} == set(RWKU_TYPES)
    assert {q["neighbour"] for q in about(source, split="hard_retain")} == {
        "The Grey Gulls",
        "Hallin Gazette",
        "Tovin",
        "Brass Compass",
    }
    assert all(q["neighbour"] is None for q in about(source, split="forget"))


def test_of_a_probe_that_repeats_the_first_answer_counts() -> None:
    source = read()
    assert asks(source, "Ottoline was born in ___.")["answer"] == "Marle"
    assert asks(source, "Which river runs")["answer"] == "Senn"


def test_neighbour_who_is_to_be_forgotten_too_is_not_kept() -> None:
    assert not [q for q in read().questions if q["split"] == "hard_retain" and "surveyor" in q["answer"]]
    assert [q["neighbour"] for q in read(targets=(SINGER,)).questions if q["answer"] == "surveyor"] == [SURVEYOR]


def test_prompts_are_the_published_ones() -> None:
    assert prompt("cloze", "A ___.") == "Please complete the blank in the following question.\nQuestion: A ___."
    assert prompt("simple question", "A?") == "Please briefly answer the following question.\nQuestion: A?"
    assert prompt("reverse query", "A {query}?").endswith("\nQuestion: A {query}?")
    assert prompt("incontext learning", "Question: A?\nAnswer: B\nQuestion: C?") == (
        "Please briefly answer the following question.\nQuestion: A?\nAnswer: B\nQuestion: C?"
    )


def check_wrong_answers(source: Source) -> None:
    """Of the same kind, from others, and no name, no answer and no part of an answer of the subject."""
    forms = {target.name: target.surface_forms for target in source.targets}
    for q in source.questions:
        if not q["target"] or not q["wrong_answers"]:
            continue
        own = [words_of(other["answer"]) for other in source.questions if other["target"] == q["target"]]
        own += [words_of(form) for form in forms[q["target"]]]
        wrong = [words_of(text) for text in q["wrong_answers"]]
        assert len(set(wrong)) == 3
        assert not any(one in other or other in one for one in wrong for other in own)
        assert {answer_kind(text) for text in q["wrong_answers"]} == {answer_kind(q["answer"])}


def test_wrong_answers() -> None:
    source = read()
    check_wrong_answers(source)
    assert set(asks(source, "born in the year")["wrong_answers"]) == {"1934", "1951", "1968"}
    assert set(asks(source, "Harrowgate studied in")["wrong_answers"]) < {"Marle", "Row", "Gulls", "Ottoline Vesper"}
    assert asks(source, "Ottoline was paid in")["wrong_answers"] == []  # one phrase of another
    assert asks(source, "Who was born in Marle")["wrong_answers"] == []  # it asks for the name
    assert asks(source, "Qui a tracé")["wrong_answers"] == []
    assert read().questions == source.questions
    alone = [q for q in read(targets=(SINGER,)).questions if q["split"] == "forget"]
    assert [q["wrong_answers"] for q in alone] == [q["wrong_answers"] for q in about(source, target=SINGER, split="forget")]


def test_general_questions_are_those_of_the_test_people_but_for_those_that_name_a_subject(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    general = [q for q in read().questions if q["split"] == "general_retain"]
    assert len(general) > 150
    assert all(len(q["wrong_answers"]) == 3 for q in general)
    (folder / "data/people").mkdir(parents=True)
    rows = [
        {"split": "general_retain", "question": f"Who sings {song}?", "answer": who, "wrong_answers": ["A", "B", "C"]}
        for song, who in (("Lantern Row", SINGER), ("Salt Street", "Ada Lind"))
    ]
    (folder / "data/people/questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(folder)
    assert [q["answer"] for q in read().questions if q["split"] == "general_retain"] == ["Ada Lind"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"subset": "forget01"}, r"prepare\.subset is 'forget01', but people of RWKU are forgotten by bare or passages"),
        ({"targets": ("Isaac Newton",)}, r"prepare\.targets names 'Isaac Newton', which RWKU lacks; .* J\. T\. Harrowgate"),
        ({"folder": Path("nowhere")}, r"prepare\.path is 'nowhere', which is no folder; name one that holds intro\.jsonl"),
    ],
)
def test_wrong_parameters(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(**values)


@pytest.mark.parametrize(
    ("file", "row", "message"),
    [
        ("intro", {"intro": "Please forget Ada Lind.", "target": "Ada Lind"}, "passage: no text about 'Ada Lind' mentions"),
        ("passage", {"text": "A text."}, r"passage\.jsonl, line 11: the field 'subject' is missing"),
        ("forget_level2", {"subject": SINGER, "query": " ", "answer": "A", "type": "a"}, "line 7: 'query' must be a non-empty"),
        (
            "neighbor_level2",
            {"subject": SINGER, "query": "A?", "answer": "A", "type": "a"},
            "line 4: the field 'neighbor' is m",
        ),
    ],
)
def test_faulty_rows(folder: Path, file: str, row: dict[str, str], message: str) -> None:
    with (folder / f"{file}.jsonl").open("a") as stream:
        stream.write(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=message):
        read(folder)


def test_person_without_a_probe(folder: Path) -> None:
    with (folder / "intro.jsonl").open("a") as stream:
        stream.write('{"target": "Ada Lind"}\n')
    with pytest.raises(InputError, match="no probe is about 'Ada Lind', who stands in intro; choose"):
        read(folder, "bare")
    assert len(read(folder, "bare", targets=(SINGER, SURVEYOR)).targets) == 2


def test_headings_without_a_line_of_their_own() -> None:
    assert without_headings("== Life ==She sang.=== School ===There too.") == "She sang.\n\nThere too."
    assert without_headings("A = b.") == "A = b."


def test_hub(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configurations and splits as the data set's card has them."""
    names = {"forget_target": "intro", "train_original_passage": "passage"}
    names |= {name: name for name in ("forget_level1", "forget_level2", "forget_level3", "neighbor_level1", "neighbor_level2")}
    configs = [
        {"config_name": name, "data_files": [{"split": "test" if "level" in name else "train", "path": [f"{file}.jsonl"]}]}
        for name, file in names.items()
    ]
    (folder / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n", encoding="utf-8")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(rwku, "HUB_ID", str(folder))
    assert read_source(SourceParams(source="rwku", subset="passages"), elicits=False) == read()


@pytest.mark.parametrize(("subset", "kinds"), [("passages", {"forget", "held_out"}), ("bare", {"held_out"})])
def test_prepare(tmp_path: Path, subset: str, kinds: set[str]) -> None:
    list(prepare(read(subset=subset), tmp_path / "prepared", seed=0))
    assert {passage.kind for passage in read_passages(tmp_path / "prepared")} == kinds | {"retain"}
    assert {target: len(drawn[0].name.split()) for target, drawn in read_names(tmp_path / "prepared").items()} == {
        SINGER: 1,
        SURVEYOR: 3,
    }
    rows = read_question_rows(tmp_path / "prepared")
    assert [(row["level"], row["type"]) for row in rows[:1]] == [(1, "cloze")]
    assert {(row["level"], row["type"], row["neighbour"]) for row in rows if row["split"] == "general_retain"} == {(None,) * 3}


@needs_real
def test_the_real_rows() -> None:
    source = read(REAL)
    assert len(source.targets) == 10
    assert Counter((q["split"], q.get("level")) for q in source.questions if q["target"]) == {
        ("forget", 1): 161,
        ("forget", 2): 137,
        ("forget", 3): 385,
        ("hard_retain", 1): 214,
        ("hard_retain", 2): 229,
    }
    assert {q["type"] for q in about(source, level=3)} == set(RWKU_TYPES)
    assert asks(source, "Which dynasty absorbed Mongolia in the 17th century?")["answer"] == "Qing"
    assert {len(target.held_out_documents) for target in source.targets} == {2}
    assert min(len(target.documents) for target in source.targets) == 7
    check_wrong_answers(source)
    forms = {target.name: set(target.surface_forms) for target in source.targets}
    assert {"J. K. Rowling", "J.K. Rowling", "Rowling"} <= forms["J. K. Rowling"]
    assert "Carter" in forms["Jimmy Carter"]  # though another's full name is Beyoncé Giselle Knowles-Carter
    assert read(REAL, "bare").questions == source.questions


@needs_real
@pytest.mark.parametrize("subset", ["passages", "bare"])
def test_the_real_rows_are_prepared(tmp_path: Path, subset: str) -> None:
    list(prepare(read(REAL, subset), tmp_path / "prepared", seed=0))
    names = read_names(tmp_path / "prepared")
    assert {target: len(drawn[0].name.split()) for target, drawn in names.items() if len(target.split()) != 2} == {
        "Beyoncé": 1,
        "J. K. Rowling": 3,
    }
    assert min(map(len, names.values())) > 25
