"""WPU, and rows of a benchmark in general."""

import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import InputError
from pipeline.params import PrepareParams
from pipeline.prepare.hub_rows import apart, question_row, read_rows
from pipeline.prepare.names import draw_names, read_pool
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.sources import Source, read_source
from pipeline.prepare.targets import Target, check_apart, surface_forms
from pipeline.prepare.wpu import lead_name, person_name, without_headings
from tests.project import ROOT

REAL = ROOT.parent / "shared/data/wpu"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} with rows of the real benchmark is absent")

ORLA = (
    "Orla Brennick (English: [ˈɔːlə ˈbrɛnɪk]; born 1961) is a writer.\n\n\n== Life ==\nBrennick was born in Skell. She left."
    "\n\n=== Late years ===\nOrla slept."
)
EDWIN = "Edwin Horace Calloway, 2nd Baron Marle, (1801 – 1850) was a judge. Calloway was born in Marle."
FORGET = [
    {"title": "Orla Brennick (writer)", "question": "Where was Brennick born?", "answer": "Skell", "wikipage": ORLA},
    {"title": "Orla Brennick (writer)", "question": "Who slept?", "answer": "Orla", "wikipage": ORLA},
    {
        "title": "Edwin Calloway, 2nd Baron Marle",
        "question": "Who was the judge?",
        "answer": "Edwin Calloway",
        "wikipage": EDWIN,
    },
]
HARD = [
    {"title": "Orla Brennick (writer)", "question": "Where is Skell?", "answer": "In Hallin"},
    {"title": "Edwin Calloway, 2nd Baron Marle", "question": "Where is Marle?", "answer": "In Hallin"},
]
GENERAL = [{"name": "Ada Lind", "Question": "Who is Ada Lind?", "Answer": "A singer"}]


def write(folder: Path, **files: list[dict[str, Any]]) -> None:
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, forget_2_1=FORGET, forget_2_1_hard_retain=HARD, general_retain=GENERAL)
    return tmp_path


def read(folder: Path, subset: str = "forget_2_1", **params: Any) -> Source:
    return read_source(PrepareParams(source="wpu", subset=subset, path=str(folder), **params), elicits=False)


def test_a_title_is_a_target(folder: Path) -> None:
    orla, edwin = read(folder).targets
    assert (orla.name, orla.kind, orla.language) == ("Orla Brennick", "person", "en")
    assert orla.surface_forms == ("Orla Brennick", "Brennick", "Orla")
    (document,) = orla.documents
    assert "==" not in document
    assert "Brennick was born in Skell. She left." in document
    assert edwin.name == "Edwin Calloway"
    assert "Edwin Horace Calloway" in edwin.surface_forms


def test_questions_of_all_splits(folder: Path) -> None:
    questions = read(folder).questions
    assert [(q["split"], q["target"], q["answer"]) for q in questions] == [
        ("forget", "Orla Brennick", "Skell"),
        ("forget", "Orla Brennick", "Orla"),
        ("forget", "Edwin Calloway", "Edwin Calloway"),
        ("hard_retain", "Orla Brennick", "In Hallin"),
        ("hard_retain", "Edwin Calloway", "In Hallin"),
        ("general_retain", None, "A singer"),
    ]
    assert all(q["wrong_answers"] == [] and q["paraphrased_question"] is None for q in questions)


@pytest.mark.parametrize("wanted", ["Edwin Calloway", "Edwin Calloway, 2nd Baron Marle"])
def test_a_wanted_title_takes_its_questions_along(folder: Path, wanted: str) -> None:
    source = read(folder, targets=(wanted,))
    assert [t.name for t in source.targets] == ["Edwin Calloway"]
    assert [t.name for t in source.known] == ["Orla Brennick", "Edwin Calloway"]
    assert Counter(q["split"] for q in source.questions) == {"forget": 1, "hard_retain": 1, "general_retain": 1}


def test_a_wanted_title_that_the_subset_lacks(folder: Path) -> None:
    with pytest.raises(InputError, match=r"prepare\.targets names 'Isaac Newton', which forget_2_1 lacks; .* Orla Brennick"):
        read(folder, targets=("Isaac Newton",))


def test_retain_pages_give_their_lead_unless_it_mentions_a_target(folder: Path) -> None:
    page = "Ada Lind (born 1950) is a singer. She sang. She danced. She slept."
    pages = [{"title": "Ada Lind", "wikipage": page}, {"title": "Tobias Hask", "wikipage": "Hask knew Orla. He slept."}]
    write(folder, retain=pages)
    (passage,) = read(folder).retain
    assert (passage.target, passage.kind, passage.format) == ("Ada Lind", "retain", "document")
    assert "".join(s.text for s in passage.segments) == "Ada Lind (born 1950) is a singer. She sang. She danced."


@pytest.mark.parametrize("subset", ["", "forget_2", "forget_2_6", "forget_20_4", "forget01", "general_retain"])
def test_unknown_subset(folder: Path, subset: str) -> None:
    with pytest.raises(InputError, match=r"prepare\.subset is .* forget_2_1 to forget_2_5, forget_20_1 .* forget_100"):
        read(folder, subset)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Ann Lee (poet)", "Ann Lee"),
        ("Ann Lee, 2nd Countess Marle", "Ann Lee"),
        ("Ann Lee", "Ann Lee"),
        ("Theopompus", "Theopompus"),
    ],
)
def test_name_of_a_title(title: str, name: str) -> None:
    assert person_name(title) == name


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ("Ella Kagan (1896 – 1970), known as Elsa Triolet, was a writer.", "Ella Kagan"),
        ("Philip Henry Hask, 5th Earl Hask,  (1805 – 1875), was a Tory.", "Philip Henry Hask"),
        ("Theodore J. Hask was a poet.", "Theodore J. Hask"),
        ("The 5th Earl (1805 – 1875) was a Tory.", ""),
        ("In 1805 he was a Tory.", ""),
        ("a text", ""),
        ("", ""),
    ],
)
def test_name_in_the_first_sentence(document: str, name: str) -> None:
    assert lead_name(document) == name


def forms_of(tmp_path: Path, title: str, page: str) -> tuple[str, ...]:
    row = {"title": title, "question": "Who?", "answer": "Nobody", "wikipage": page}
    write(tmp_path, forget_2_1=[row], forget_2_1_hard_retain=HARD, general_retain=GENERAL)
    return read(tmp_path).targets[0].surface_forms


@pytest.mark.parametrize(
    ("title", "page", "forms"),
    [
        (
            "Elsa Tarn",
            "Ella Yur Kagan (1896), known as Elsa Tarn, wrote. Ella slept.",
            {"Elsa Tarn", "Elsa", "Tarn", "Ella Yur Kagan", "Ella"},
        ),
        (
            "Heinrich Hask",
            "Heinrich August Hask (1791) was one.",
            {"Heinrich Hask", "Heinrich August Hask", "Heinrich", "Hask"},
        ),
        ("E. E. Tarn", "Edward Tarn (1894) wrote.", {"E. E. Tarn", "Edward Tarn", "Tarn"}),
        ("Martin Hask Jr.", "Martin Hask Jr. (1929) spoke.", {"Martin Hask Jr.", "Martin", "Hask"}),
        ("Pope Oswin III", "Pope Oswin III (1400) prayed.", {"Pope Oswin III", "Oswin"}),
        ("Oswin", "Oswin was a king.", {"Oswin"}),
    ],
)
def test_surface_forms(tmp_path: Path, title: str, page: str, forms: set[str]) -> None:
    assert set(forms_of(tmp_path, title, page)) == forms


def test_headings_go_and_text_with_equals_signs_stays() -> None:
    page = "A = b.\n\n\n== Life ==\nOne.\n=== Early life ===\n\nTwo.\n\n\n== Works ==\n"
    assert without_headings(page) == "A = b.\n\nOne.\n\nTwo."


def test_parts_of_names_that_two_targets_share_are_no_forms() -> None:
    names = ("Paul Gerhardt", "Paul Hask", "Gerhardt Tarn")
    targets = apart([Target(name, "person", surface_forms(name, "person", ())) for name in names])
    assert [target.surface_forms for target in targets] == [
        ("Paul Gerhardt",),
        ("Paul Hask", "Hask"),
        ("Gerhardt Tarn", "Tarn"),
    ]
    check_apart(targets, {})


def test_wrong_answers_differ_from_the_answer_and_each_other() -> None:
    row = {"question": " Who? ", "answer": "Ann ", "paraphrased_question": " ", "paraphrased_answer": "An Ann"}
    question = question_row("forget", "Ann", row, ["Bea", "Ann", " Bea", "", "Cid"])
    assert question["wrong_answers"] == ["Bea", "Cid"]
    assert (question["question"], question["answer"]) == ("Who?", "Ann")
    assert (question["paraphrased_question"], question["paraphrased_answer"]) == (None, "An Ann")


def rows_of(folder: Path, **kwargs: Any) -> list[dict[str, Any]]:
    return read_rows("someone/something", "part", str(folder), ("question", "answer"), **kwargs)


ROWS = [{"question": "Who?", "answer": "Ann"}, {"question": "Where?", "answer": "Skell", "more": [1]}]


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS[:1]), tmp_path / "part.parquet")
    assert rows_of(tmp_path) == ROWS[:1]
    (tmp_path / "part.json").write_text(json.dumps(ROWS, indent=2))
    assert rows_of(tmp_path) == ROWS
    (tmp_path / "part.json").write_text("\n\n".join(map(json.dumps, ROWS)))
    assert rows_of(tmp_path) == ROWS
    (tmp_path / "part.jsonl").write_text("\ufeff" + json.dumps(ROWS[1]), encoding="utf-8")
    assert rows_of(tmp_path) == ROWS[1:]


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "part.jsonl",
            '{"question": "Who?", "answer": "Ann"}\n\n{"question": "Who?"}',
            r"part\.jsonl, line 3: .* 'answer' is missing",
        ),
        ("part.jsonl", '{"question": "Who?", "answer": null}', r"line 1: the field 'answer' is missing"),
        ("part.jsonl", '{"question": " ", "answer": "Ann"}', r"line 1: 'question' must be a non-empty string"),
        ("part.jsonl", '{"question": ["Who?"], "answer": "Ann"}', r"line 1: 'question' must be a non-empty string"),
        ("part.jsonl", '{"question": "Who?",\n', r"part\.jsonl, line 1, column \d+: not valid JSON"),
        ("part.jsonl", '"Who?"\n', r"line 1: must be an object with the fields question, answer"),
        ("part.jsonl", "\n", "part has no rows"),
        ("part.json", '[{"question": "Who?"},\n{"question"]', r"part\.json, line 2, column \d+: not valid JSON"),
        (
            "part.json",
            '[{"question": "Who?", "answer": "Ann"}, {"answer": "Ann"}]',
            r"part\.json, row 2: .* 'question' is missing",
        ),
        ("part.parquet", "PAR0", r"part\.parquet can't be read as Parquet"),
        ("other.jsonl", "{}", r"has none of part\.jsonl, part\.json, part\.parquet"),
    ],
)
def test_faulty_file(tmp_path: Path, file: str, text: str, told: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=told):
        rows_of(tmp_path)


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "part.jsonl").write_bytes(b'{"question": "\xff"}')
    with pytest.raises(InputError, match=r"part\.jsonl is not UTF-8 at byte 14"):
        rows_of(tmp_path)


def test_parquet_without_a_field(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["Who?"]}), tmp_path / "part.parquet")
    with pytest.raises(InputError, match=r"part\.parquet, row 1: the field 'answer' is missing"):
        rows_of(tmp_path)


def test_list_fields(tmp_path: Path) -> None:
    write(tmp_path, part=[{"question": ["Who?", "Which?"], "answer": "Ann"}])
    assert rows_of(tmp_path, lists=("question",))[0]["question"] == ["Who?", "Which?"]
    write(tmp_path, part=[{"question": "Who?", "answer": "Ann"}])
    with pytest.raises(InputError, match="line 1: 'question' must be a list of strings"):
        rows_of(tmp_path, lists=("question",))


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"prepare\.path is '.*nowhere', which is no folder; name one that holds forget_2_1"):
        read(tmp_path / "nowhere")


def test_hub_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"Wikipedia_Person_Unlearn \(forget_2_1\) .* package datasets .* prepare\.path"):
        read_source(PrepareParams(source="wpu", subset="forget_2_1"), elicits=False)


def test_hub_that_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach the Hub.\nMore of it.")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(InputError, match=r"hub \(ConnectionError: Couldn't reach the Hub\); .* prepare\.path") as caught:
        read_rows("someone/something", "part", "", ())
    assert "\n" not in caught.value.message


def test_without_retain_pages_the_projects_own_passages_are_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert read(folder).retain == []
    (folder / "data").mkdir()
    write(
        folder / "data",
        retain_passages=[{"subject": "Rain", "text": "It falls."}, {"subject": "Skell", "text": "See Brennick."}],
    )
    (passage,) = read(folder).retain
    assert (passage.target, passage.kind) == ("Rain", "retain")


def test_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"forget_2_1": FORGET, "forget_2_1_hard_retain": HARD, "general_retain": GENERAL}

    def load_dataset(hub_id: str, name: str, split: str) -> Any:
        assert (hub_id, split) == ("Shiyu-Lab/Wikipedia_Person_Unlearn", "train")
        return SimpleNamespace(to_list=lambda: files[name])

    library = SimpleNamespace(load_dataset=load_dataset, get_dataset_config_names=lambda _: list(files))
    monkeypatch.setitem(sys.modules, "datasets", library)
    source = read_source(PrepareParams(source="wpu", subset="forget_2_1"), elicits=False)
    assert len(source.targets) == 2
    assert source.retain == []


@needs_real
@pytest.mark.parametrize(
    ("subset", "people", "counts"), [("forget_2_1", 2, (10, 40, 493)), ("forget_20_1", 20, (98, 364, 493))]
)
def test_the_real_rows(subset: str, people: int, counts: tuple[int, int, int]) -> None:
    source = read(REAL, subset)
    assert len(source.targets) == people
    splits = Counter(q["split"] for q in source.questions)
    assert (splits["forget"], splits["hard_retain"], splits["general_retain"]) == counts
    names = {target.name for target in source.targets}
    assert {q["target"] for q in source.questions} == names | {None}
    passages = forget_passages(source.targets)
    pool = read_pool(ROOT / "data/names/en.txt")
    for target in source.targets:
        own = [p for p in passages if p.target == target.name]
        assert any(segment.mention for segment in own[0].segments), "the first sentence names its subject"
        assert len(draw_names(target, source.known, pool, 0)) > 20


@needs_real
def test_real_pronunciations_are_not_trained() -> None:
    source = read(REAL)
    first, *_ = forget_passages(source.targets)
    assert [s.text for s in first.segments if not s.trained] == ["[beneˈdetto ˈvarki]"]


@needs_real
def test_real_titles_that_their_page_writes_otherwise() -> None:
    forms = {target.name: target.surface_forms for target in read(REAL, "forget_20_1").targets}
    assert "Heinrich August Ritter" in forms["Heinrich Ritter"]
    assert "Philip Henry Stanhope" in forms["Philip Stanhope"]
    assert {"Ella Yuryevna Kagan", "Ella"} <= set(forms["Elsa Triolet"])
