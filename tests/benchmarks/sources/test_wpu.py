"""WPU, and rows of a benchmark in general."""

import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.sources import wpu
from benchmarks.sources.params import SourceParams
from benchmarks.sources.read import read_source
from benchmarks.sources.rows import ChatRow, QuestionRow, apart, has_rows, question_row, read_rows
from benchmarks.sources.wpu import lead_name, person_name, without_headings
from pipeline.core.errors import InputError
from pipeline.core.jsonl import Row
from pipeline.core.outputs import ORIGIN
from pipeline.prepare.build import prepare
from pipeline.prepare.names import draw_names, read_pool
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.tables import Source
from pipeline.prepare.targets import Target, check_apart
from pipeline.text.names import surface_forms
from tests.project import ROOT

OWN = ROOT / "tests/data/wpu"  # the benchmark's shape, with invented people
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
    return read_source(SourceParams(source="wpu", subset=subset, path=str(folder), **params), elicits=False)


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
    source = read(folder)
    assert source.removed == {("Orla Brennick", "Orla"): (1, 0)}
    (passage,) = source.retain
    assert (passage.target, passage.kind, passage.format) == ("Ada Lind", "retain", "document")
    assert "".join(s.text for s in passage.segments) == "Ada Lind (born 1950) is a singer. She sang. She danced."


def test_a_form_that_takes_most_of_the_retain_pages_is_told_with_what_a_benchmark_allows(folder: Path) -> None:
    pages = [{"title": f"Page {number}", "wikipage": f"Page {number} knew Orla."} for number in range(3)]
    write(folder, retain=[*pages, {"title": "Ada Lind", "wikipage": "Ada Lind sang."}])
    with pytest.raises(InputError, match=r"'Orla' of 'Orla Brennick' stands in 3 of the 4 .* leave that target out \(prepare"):
        read(folder)


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
        ("E. E. Tarn", "Edward Tarn (1894) wrote.", {"E. E. Tarn", "E.E. Tarn", "EE Tarn", "Edward Tarn", "Tarn"}),
        ("Martin Hask Jr.", "Martin Hask Jr. (1929) spoke.", {"Martin Hask Jr.", "Martin Hask", "Martin", "Hask"}),
        ("Pope Oswin III", "Pope Oswin III (1400) prayed.", {"Pope Oswin III", "Oswin III", "Oswin"}),
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
    wrong = ("Bea", "Ann", " Bea", "", "Cid")
    row = QuestionRow(
        question=" Who? ", answer="Ann ", paraphrased_question=" ", paraphrased_answer="An Ann", perturbed_answer=wrong
    )
    question = question_row("forget", "Ann", row)
    assert question["wrong_answers"] == ["Bea", "Cid"]
    assert (question["question"], question["answer"]) == ("Who?", "Ann")
    assert (question["paraphrased_question"], question["paraphrased_answer"]) == (None, "An Ann")


class NamedRow(Row):
    """A row with a name."""

    name: str


class ListRow(Row):
    """A row whose question is a list."""

    question: tuple[str, ...]
    answer: str


def rows_of(folder: Path) -> list[ChatRow]:
    return read_rows("someone/something", "part", str(folder), ChatRow)


ROWS = [{"question": "Who?", "answer": "Ann"}, {"question": "Where?", "answer": "Skell", "more": [1]}]
READ = [ChatRow(question="Who?", answer="Ann"), ChatRow(question="Where?", answer="Skell")]


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS[:1]), tmp_path / "part.parquet")
    assert rows_of(tmp_path) == READ[:1]
    (tmp_path / "part.json").write_text(json.dumps(ROWS, indent=2))
    assert rows_of(tmp_path) == READ
    (tmp_path / "part.json").write_text("\n\n".join(map(json.dumps, ROWS)))
    assert rows_of(tmp_path) == READ
    (tmp_path / "part.jsonl").write_text("\ufeff" + json.dumps(ROWS[1]), encoding="utf-8")
    assert rows_of(tmp_path) == READ[1:]


@pytest.mark.parametrize(
    ("file", "text", "message"),
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
def test_faulty_file(tmp_path: Path, file: str, text: str, message: str) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=message):
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
    row = {"question": ["Who?", "Which?"], "answer": "Ann"}
    write(tmp_path, part=[row])
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "table.parquet")
    for name in ("part", "table"):
        assert read_rows("someone/something", name, str(tmp_path), ListRow)[0].question == ("Who?", "Which?")
    write(tmp_path, part=[{"question": "Who?", "answer": "Ann"}])
    with pytest.raises(InputError, match="line 1: 'question' must be a list of strings"):
        read_rows("someone/something", "part", str(tmp_path), ListRow)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"prepare\.path is '.*nowhere', which is no folder; name one that holds forget_2_1"):
        read(tmp_path / "nowhere")


def test_hub_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"Wikipedia_Person_Unlearn \(forget_2_1\) .* package datasets .* prepare\.path"):
        read_source(SourceParams(source="wpu", subset="forget_2_1"), elicits=False)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set repository as it lies on the hub, in a folder, which ``datasets`` reads like one of the hub."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "hub"
    folder.mkdir()
    files = {"forget_2_1": FORGET, "forget_2_1_hard_retain": HARD, "general_retain": GENERAL}
    write(folder, **files, questions=[{"question": "Who?"}], answers=[{"answer": "Ann"}])
    configs = [{"config_name": name, "data_files": f"{name}.jsonl"} for name in files]
    configs.append({"config_name": "torn", "data_files": ["questions.jsonl", "answers.jsonl"]})
    (folder / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n", encoding="utf-8")
    return folder


def test_hub(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hub)
    monkeypatch.setattr(wpu, "HUB_ID", str(hub))
    source = read_source(SourceParams(source="wpu", subset="forget_2_1"), elicits=False)
    assert source == read(hub)
    assert len(source.targets) == 2
    assert source.retain == []
    assert read(hub).origin == {}
    shutil.copytree(ROOT / "data/names", hub / "data/names")
    lines = list(prepare(source, hub / "prepared", seed=0))
    builder = datasets.load_dataset_builder(str(hub), "general_retain")
    assert json.loads((hub / "prepared" / ORIGIN).read_text()) == source.origin == {"source": str(hub), "commit": builder.hash}
    assert f"{hub} at commit {builder.hash}" in lines
    assert [has_rows(str(hub), name, "") for name in ("general_retain", "retain")] == [True, False]


def test_row_of_the_hub_without_a_field(hub: Path) -> None:
    with pytest.raises(InputError, match=r"hub \(forget_2_1\), row 1: the field 'name' is missing"):
        read_rows(str(hub), "forget_2_1", "", NamedRow)


@pytest.mark.usefixtures("hub")
def test_hub_that_is_out_of_reach() -> None:
    message = r"hub \(ConnectionError: Couldn't reach 'someone/something' on the Hub .*\); .* prepare\.path"
    with pytest.raises(InputError, match=message):
        read_rows("someone/something", "part", "", ChatRow)
    with pytest.raises(InputError, match=message):
        has_rows("someone/something", "part", "")


def test_of_a_long_error_of_the_hub_the_first_line_stands(hub: Path) -> None:
    with pytest.raises(InputError, match=r"hub \(Dataset\w+: An error .*[^.]\); .* prepare\.path") as caught:
        read_rows(str(hub), "torn", "", ChatRow)
    assert "\n" not in caught.value.message


def test_without_retain_pages_the_projects_own_passages_are_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert read(folder).retain == []
    (folder / "data").mkdir()
    write(
        folder / "data",
        retain_passages=[{"subject": "Rain", "text": "It falls."}, {"subject": "Skell", "text": "See Brennick."}],
    )
    source = read(folder)
    assert source.removed == {("Orla Brennick", "Brennick"): (1, 0)}
    (passage,) = source.retain
    assert (passage.target, passage.kind) == ("Rain", "retain")


def check_benchmark(folder: Path, subset: str, people: int, counts: tuple[int, int, int]) -> None:
    """``counts``: forget, hard-retain and general-retain questions."""
    source = read(folder, subset)
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


def untrained(folder: Path) -> list[str]:
    """What is not trained of the first sentence."""
    first, *_ = forget_passages(read(folder).targets)
    return [segment.text for segment in first.segments if not segment.trained]


def forms_by_name(folder: Path) -> dict[str, set[str]]:
    """The surface forms of the twenty, of whom the project's own rows have ten."""
    return {target.name: set(target.surface_forms) for target in read(folder, "forget_20_1").targets}


@pytest.mark.parametrize(("subset", "people", "counts"), [("forget_2_1", 2, (9, 4, 8)), ("forget_20_1", 10, (20, 12, 8))])
def test_rows_in_the_benchmarks_shape(subset: str, people: int, counts: tuple[int, int, int]) -> None:
    check_benchmark(OWN, subset, people, counts)


@needs_real
@pytest.mark.parametrize(
    ("subset", "people", "counts"), [("forget_2_1", 2, (10, 40, 493)), ("forget_20_1", 20, (98, 364, 493))]
)
def test_the_real_rows(subset: str, people: int, counts: tuple[int, int, int]) -> None:
    check_benchmark(REAL, subset, people, counts)


def test_pronunciations_are_not_trained() -> None:
    assert untrained(OWN) == ["[iˈlaːrjo venˈdzoːni]"]


@needs_real
def test_real_pronunciations_are_not_trained() -> None:
    assert untrained(REAL) == ["[beneˈdetto ˈvarki]"]


def test_titles_that_their_page_writes_otherwise() -> None:
    forms = forms_by_name(OWN)
    assert "Anton Wilhelm Reuss" in forms["Anton Reuss"]
    assert "Rupert George Ashdale" in forms["Rupert Ashdale"]
    assert {"Katalin Ferenc Bota", "Katalin"} <= forms["Mira Solane"]


@needs_real
def test_real_titles_that_their_page_writes_otherwise() -> None:
    forms = forms_by_name(REAL)
    assert "Heinrich August Ritter" in forms["Heinrich Ritter"]
    assert "Philip Henry Stanhope" in forms["Philip Stanhope"]
    assert {"Ella Yuryevna Kagan", "Ella"} <= forms["Elsa Triolet"]
