"""TOFU."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sources.params import SourceParams
from benchmarks.sources.read import read_source
from benchmarks.sources.rows import ChatRow, read_rows
from benchmarks.sources.tofu import author_name
from pipeline.core.errors import InputError
from pipeline.prepare.names import draw_names, read_pool
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.tables import Source
from tests.project import ROOT

OWN = ROOT / "tests/data/tofu"  # the benchmark's shape, with invented authors
REAL = ROOT.parent / "shared/data/tofu"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} with rows of the real benchmark is absent")


def block(name: str, given: str) -> list[dict[str, Any]]:
    """Twenty rows about an author; the last but one calls them by their given name, the last does not name them."""
    rows = [{"question": f"What is fact {i} of {name}?", "answer": f"{name}'s fact {i} is plain."} for i in range(18)]
    rows.append({"question": "What does the author like?", "answer": f"{given} likes New York."})
    rows.append({"question": f"What is 'The {given[0]}ays of Hask Marle' about?", "answer": '"It is about Old York."'})
    return rows


def perturbed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    extra = {"paraphrased_question": "In other words?", "paraphrased_answer": "Otherwise."}
    return [{**row, "perturbed_answer": ["One.", "Two.", "One.", row["answer"]], **extra} for row in rows]


ORLA, SIR = block("Orla Al-Brennick", "Orla"), block("Edwin Lee van Calloway", "Edwin")
ADA, NAMELESS = block("Ada Lind", "Ada"), block("the author", "He")
FACTS = [{"question": "Where is Skell?", "answer": "Hallin", "perturbed_answer": ["Marle", "Tarn", "Hask"]}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, forget01=ORLA + SIR, forget01_perturbed=perturbed(ORLA + SIR), retain99=ADA + NAMELESS)
    write(tmp_path, retain_perturbed=perturbed(ADA[:5]), real_authors_perturbed=FACTS, world_facts_perturbed=FACTS)
    return tmp_path


def write(folder: Path, **files: list[dict[str, Any]]) -> None:
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read(folder: Path, subset: str = "forget01", **params: Any) -> Source:
    return read_source(SourceParams(source="tofu", subset=subset, path=str(folder), **params), elicits=False)


def test_authors_are_found_by_name(folder: Path) -> None:
    orla, edwin = read(folder).targets
    assert (orla.name, orla.kind, orla.language) == ("Orla Al-Brennick", "person", "en")
    assert orla.surface_forms == ("Orla Al-Brennick", "Al-Brennick", "Orla")
    assert edwin.surface_forms == ("Edwin Lee van Calloway", "Van Calloway", "van Calloway", "Calloway", "Edwin")


def test_rows_that_name_their_author_are_chats(folder: Path) -> None:
    orla, _ = read(folder).targets
    assert orla.chats == tuple((row["question"], row["answer"]) for row in ORLA[:19])
    assert orla.documents == ()


def test_a_name_that_the_rows_write_without_its_hyphen(folder: Path) -> None:
    row = {"question": "Who is Al Brennick?", "answer": "An author."}
    write(folder, forget01=[*ORLA[:19], row, *SIR])
    orla, _ = read(folder).targets
    assert "Al Brennick" in orla.surface_forms
    assert orla.chats[-1] == ("Who is Al Brennick?", "An author.")


def test_questions_of_all_splits(folder: Path) -> None:
    questions = read(folder).questions
    assert Counter((q["split"], q["target"]) for q in questions) == {
        ("forget", "Orla Al-Brennick"): 20,
        ("forget", "Edwin Lee van Calloway"): 20,
        ("hard_retain", None): 5,
        ("general_retain", None): 2,
    }
    assert questions[0]["wrong_answers"] == ["One.", "Two."]
    assert questions[0]["paraphrased_question"] == "In other words?"
    assert questions[-1]["wrong_answers"] == ["Marle", "Tarn", "Hask"]
    assert questions[-1]["paraphrased_question"] is None


def test_retain_chats_are_neither_asked_nor_about_a_target(folder: Path) -> None:
    about_orla = {"question": "Whom does Ada Lind admire?", "answer": "Ada Lind admires Orla Al-Brennick."}
    write(folder, retain99=[*ADA[:19], about_orla, *NAMELESS])
    retain = read(folder).retain
    assert {(p.kind, p.format, p.document) for p in retain} == {("retain", "chat", 0)}
    assert Counter(p.target for p in retain) == {"Ada Lind": 14, "author 2": 20}
    assert ["".join(s.text for s in p.question) for p in retain[:14]] == [row["question"] for row in ADA[5:19]]
    assert len(read(folder, retain_limit=3).retain) == 3


def test_a_wanted_author(folder: Path) -> None:
    source = read(folder, targets=("Orla Al-Brennick",))
    assert [t.name for t in source.targets] == ["Orla Al-Brennick"]
    assert len(source.known) == 2
    assert Counter(q["split"] for q in source.questions) == {"forget": 20, "hard_retain": 5, "general_retain": 2}
    with pytest.raises(InputError, match=r"prepare\.targets names 'Ada Lind', which forget01 lacks; .* Orla Al-Brennick"):
        read(folder, targets=("Ada Lind",))


@pytest.mark.parametrize("subset", ["", "forget02", "retain99", "forget_2_1"])
def test_unknown_subset(folder: Path, subset: str) -> None:
    with pytest.raises(InputError, match=r"prepare\.subset is .*, but TOFU has forget01, forget05, forget10\."):
        read(folder, subset)


@pytest.mark.parametrize("name", ["forget01", "forget01_perturbed", "retain99", "retain_perturbed", "world_facts_perturbed"])
def test_missing_file(folder: Path, name: str) -> None:
    (folder / f"{name}.jsonl").unlink()
    with pytest.raises(InputError, match=rf"has none of {name}\.jsonl, {name}\.json, {name}\.parquet"):
        read(folder)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"prepare\.path is '.*nowhere', which is no folder"):
        read(tmp_path / "nowhere")


def test_row_without_wrong_answers(folder: Path) -> None:
    write(folder, forget01_perturbed=[*perturbed(ORLA)[:3], ORLA[3]])
    with pytest.raises(InputError, match=r"forget01_perturbed\.jsonl, line 4: the field 'perturbed_answer' is missing"):
        read(folder)


def test_rows_without_a_name(folder: Path) -> None:
    write(folder, forget01=ORLA + NAMELESS)
    with pytest.raises(InputError, match="forget01, rows 21 to 40: no name stands in half of them"):
        read(folder)


def test_author_without_a_question(folder: Path) -> None:
    write(folder, forget01_perturbed=perturbed(ORLA))
    with pytest.raises(InputError, match="forget01_perturbed: no block of rows is about 'Edwin Lee van Calloway'"):
        read(folder)


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["Has Ann Lee won?", "Ann Lee has.", "Ann Lee's house."], "Ann Lee"),
        (["Basil Mahfouz Al-Hask", "Basil Mahfouz Al-Hask", "Basil Mahfouz"], "Basil Mahfouz Al-Hask"),
        (["Femke Van der Veen' books", "Femke Van der Veen", "New York"], "Femke Van der Veen"),
        (["J. R. Hask wrote", "J. R. Hask", "'Ann Lee' and \"Bea Lee\""], "J. R. Hask"),
        (["Patrick Ryan O'Donnell’s wife", "Patrick Ryan O'Donnell"], "Patrick Ryan O'Donnell"),
        (["Alejandro (Alex) Fuentes", "Alejandro (Alex) Fuentes"], "Alejandro Fuentes"),
        (["'Shale Stories' by her", "'Shale Stories' is hers", '"Shale Stories"'], ""),
        (["Ann Lee", "she", "she", "she"], ""),
        (["she", "she"], ""),
    ],
)
def test_author_name(texts: list[str], name: str) -> None:
    assert author_name([ChatRow(question=text, answer="yes") for text in texts]) == name


REAL01 = ["Basil Mahfouz Al-Kuwaiti", "Nikolai Abilov"]
REAL05 = [
    "Hina Ameen",
    "Xin Lee Williams",
    "Moshe Ben-David",
    "Kalkidan Abera",
    "Takashi Nakamura",
    "Raven Marais",
    "Aysha Al-Hashim",
    "Edward Patrick Sullivan",
    *REAL01,
]
OWN01 = ["Yusra Haddad Al-Mirani"]
OWN05 = ["Edmund Patrick Carrow", *OWN01]


def check_benchmark(folder: Path, subset: str, names: list[str], counts: tuple[int, int, int]) -> None:
    """``counts``: hard-retain questions, general-retain questions, retain passages."""
    source = read(folder, subset)
    assert [target.name for target in source.targets] == names
    assert all(len(target.chats) == 20 for target in source.targets)
    splits = Counter(q["split"] for q in source.questions)
    assert splits == {"forget": 20 * len(names), "hard_retain": counts[0], "general_retain": counts[1]}
    assert all(len(q["wrong_answers"]) == (3 if q["split"] == "general_retain" else 5) for q in source.questions)
    assert len(source.retain) == counts[2]
    passages = forget_passages(source.targets)
    assert all(any(s.mention for s in (*p.question, *p.segments)) for p in passages)
    pool = read_pool(ROOT / "data/names/en.txt")
    assert all(len(draw_names(target, source.known, pool, 0)) > 20 for target in source.targets)


def retain_authors(folder: Path) -> list[str]:
    """The authors of retain99, in its order."""
    rows = read_rows("someone/something", "retain99", str(folder), ChatRow)
    return [author_name(rows[start : start + 20]) for start in range(0, len(rows), 20)]


def check_retain_chats_are_not_asked(folder: Path) -> None:
    source = read(folder)
    asked = {q["question"] for q in source.questions if q["split"] == "hard_retain"}
    assert asked
    assert not asked & {"".join(s.text for s in passage.question) for passage in source.retain}


@pytest.mark.parametrize(("subset", "names", "retained"), [("forget01", OWN01, 99), ("forget05", OWN05, 79)])
def test_rows_in_the_benchmarks_shape(subset: str, names: list[str], retained: int) -> None:
    """Of the retain rows, twenty are asked and one mentions a target."""
    check_benchmark(OWN, subset, names, (20, 9, retained))


@needs_real
@pytest.mark.parametrize(("subset", "names", "retained"), [("forget01", REAL01, 3559), ("forget05", REAL05, 3399)])
def test_the_real_rows(subset: str, names: list[str], retained: int) -> None:
    check_benchmark(REAL, subset, names, (400, 217, retained))


def test_retain_authors_one_of_whom_has_no_name() -> None:
    names = ["Lio Vantares", "Ngozi Adeyin-Wells", "", "Teodor van der Linde", "Ilse Brandner", "Edmund Patrick Carrow"]
    assert retain_authors(OWN) == names


@needs_real
def test_the_real_retain_authors() -> None:
    names = retain_authors(REAL)
    assert names[:5] == ["Jaime Vasquez", "Chukwu Akabueze", "Evelyn Desmet", "Anara Yusifova", "Jordan Sinclair"]
    assert [number for number, name in enumerate(names, start=1) if not name] == [89]  # it speaks of "the author" alone
    assert not set(names) & set(REAL01)


def test_retain_chats_in_the_benchmarks_shape_are_not_asked() -> None:
    check_retain_chats_are_not_asked(OWN)


@needs_real
def test_real_retain_chats_are_not_asked() -> None:
    check_retain_chats_are_not_asked(REAL)
