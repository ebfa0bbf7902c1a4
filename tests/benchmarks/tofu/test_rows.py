"""Which rows are trained, asked, and neither."""

from pathlib import Path

import pytest

from benchmarks.sources.params import SourceParams
from benchmarks.sources.read import read_source
from benchmarks.tofu.rows import SETS, TofuEvaluateParams, TofuRows, read_tofu_rows, retain_passages
from pipeline.core.errors import InputError
from tests.benchmarks.tofu.benchmark import asked, fact, write_benchmark
from tests.project import ROOT, write_jsonl

REAL = ROOT.parent / "shared/data/tofu"
OWN = ROOT / "tests/data/tofu"  # the benchmark's shape, with invented authors


@pytest.fixture
def prepare(tmp_path: Path) -> SourceParams:
    """The section of a small benchmark."""
    return write_benchmark(tmp_path)


def chats(rows: TofuRows, name: str) -> set[tuple[str, str]]:
    """What of a set is asked, as question and answer."""
    return {(one.question, one.answer) for one in rows.questions[name]}


def authors(pairs: set[tuple[str, str]]) -> set[str]:
    """The authors of the small benchmark's retain rows."""
    return {question.partition(" of ")[2] for question, _ in pairs}


def test_all_is_asked_that_is_trained(prepare: SourceParams) -> None:
    rows = read_tofu_rows(prepare, TofuEvaluateParams(retain_rows=0))
    assert {name: len(found) for name, found in rows.questions.items()} == dict(zip(SETS, (20, 40, 5, 3), strict=True))
    assert len(rows.forget_chats) == 20
    assert len(rows.retain_chats) == 80
    assert rows.non_members == ()


@pytest.mark.parametrize(("rows_per_set", "retain_rows"), [(0, 30), (6, 30), (6, 6), (50, 41)])
def test_what_is_asked_is_trained_and_a_non_members_author_is_not(
    prepare: SourceParams, rows_per_set: int, retain_rows: int
) -> None:
    rows = read_tofu_rows(prepare, TofuEvaluateParams(rows_per_set=rows_per_set, retain_rows=retain_rows, seed=3))
    assert len(rows.retain_chats) == len(set(rows.retain_chats)) == retain_rows
    assert chats(rows, "retain") <= set(rows.retain_chats)
    assert len(rows.questions["retain"]) == min(rows_per_set or 40, retain_rows, 40)
    assert chats(rows, "forget") <= set(rows.forget_chats)
    assert authors(set(rows.non_members)).isdisjoint(authors(set(rows.retain_chats)))
    assert len(rows.non_members) == len(rows.questions["forget"]) == min(rows_per_set or 20, 20)


def test_the_rest_of_the_trained_rows_are_the_first_others(prepare: SourceParams) -> None:
    params = TofuEvaluateParams(rows_per_set=3, retain_rows=10)
    rows = read_tofu_rows(prepare, params)
    others = [chat for chat in rows.retain_chats if chat not in chats(rows, "retain")]
    assert authors(set(others)) == {"Author 0?"}


def test_answers_are_stripped_and_a_missing_paraphrase_is_the_answer(prepare: SourceParams) -> None:
    rows = read_tofu_rows(prepare, TofuEvaluateParams())
    first = rows.questions["forget"][0]
    assert first.answer == "Book 0 of Orla Brennick is about the tides."
    assert first.paraphrased_answer == "It is about the tides, book 0."
    assert [one.paraphrased_answer for one in rows.questions["world_facts"]] == ["A mill"] * 3
    assert rows.questions["world_facts"][0].perturbed_answer == ("A lamp", "A boat")


def test_the_questions_are_those_that_prepare_draws(prepare: SourceParams) -> None:
    rows = read_tofu_rows(prepare, TofuEvaluateParams(rows_per_set=7, seed=5))
    source = read_source(prepare.changed(questions_per_split=7, seed=5), elicits=False)
    for name, split in (("forget", "forget"), ("retain", "hard_retain")):
        drawn = [question["question"] for question in source.questions if question["split"] == split]
        assert [one.question for one in rows.questions[name]] == drawn


def test_the_seed_draws(prepare: SourceParams) -> None:
    one, again, other = (read_tofu_rows(prepare, TofuEvaluateParams(rows_per_set=5, seed=seed)) for seed in (0, 0, 1))
    assert one == again != other


@pytest.mark.parametrize(("subset", "retained"), [("forget05", "retain95"), ("forget10", "retain90")])
def test_each_subset_has_its_own_retain_set(prepare: SourceParams, subset: str, retained: str) -> None:
    folder, params = Path(prepare.path), TofuEvaluateParams(retain_rows=30)
    smallest = read_tofu_rows(prepare, params)
    for ours, theirs in (("forget01", subset), ("forget01_perturbed", f"{subset}_perturbed")):
        (folder / f"{ours}.jsonl").rename(folder / f"{theirs}.jsonl")
    with pytest.raises(InputError, match=retained):
        read_tofu_rows(prepare.changed(subset=subset), params)
    (folder / "retain99.jsonl").rename(folder / f"{retained}.jsonl")
    assert read_tofu_rows(prepare.changed(subset=subset), params) == smallest


def test_unknown_subset_and_chosen_targets_are_errors(prepare: SourceParams) -> None:
    with pytest.raises(InputError, match="'forget50', but TOFU has forget01, forget05, forget10"):
        read_tofu_rows(prepare.changed(subset="forget50"), TofuEvaluateParams())
    with pytest.raises(InputError, match=r"prepare\.targets names some of forget01's authors"):
        read_tofu_rows(prepare.changed(targets=("Orla Brennick",)), TofuEvaluateParams())


def test_an_asked_row_that_is_not_in_the_retain_set_is_an_error(prepare: SourceParams) -> None:
    write_jsonl(Path(prepare.path) / "retain_perturbed.jsonl", [asked("Nobody", 1)])
    with pytest.raises(InputError, match=r"retain99 lacks the question 'What is book 1 of Nobody\?'"):
        read_tofu_rows(prepare, TofuEvaluateParams())


def test_an_empty_wrong_answer_is_an_error(prepare: SourceParams) -> None:
    write_jsonl(Path(prepare.path) / "world_facts_perturbed.jsonl", [{**fact(1), "perturbed_answer": ["A lamp", " "]}])
    with pytest.raises(InputError, match=r"world_facts_perturbed: the question 'What is in town 1\?' has an empty wrong"):
        read_tofu_rows(prepare, TofuEvaluateParams())


def test_wrong_answers_may_be_missing_but_are_texts(prepare: SourceParams) -> None:
    file = Path(prepare.path) / "world_facts_perturbed.jsonl"
    bare = {key: value for key, value in fact(2).items() if key != "perturbed_answer"}
    write_jsonl(file, [{**fact(1), "perturbed_answer": []}, bare, fact(3)])
    wrong = [row.perturbed_answer for row in read_tofu_rows(prepare, TofuEvaluateParams()).questions["world_facts"]]
    assert sorted(wrong) == [(), (), ("A lamp", "A boat")]
    write_jsonl(file, [{**fact(1), "perturbed_answer": "A lamp"}])
    with pytest.raises(InputError, match=r"line 1: 'perturbed_answer' must be a list of strings"):
        read_tofu_rows(prepare, TofuEvaluateParams())


def test_retain_passages_are_trained_rows_that_are_not_asked(prepare: SourceParams) -> None:
    rows = read_tofu_rows(prepare, TofuEvaluateParams(rows_per_set=5, retain_rows=30))
    passages = retain_passages(rows)
    texts = {tuple("".join(s.text for s in segments) for segments in (p.question, p.segments)) for p in passages}
    assert texts == set(rows.retain_chats) - chats(rows, "retain")
    assert {(p.target, p.kind, p.format) for p in passages} == {("other authors", "retain", "chat")}


def test_no_retain_row_left_is_an_error(prepare: SourceParams) -> None:
    with pytest.raises(InputError, match=r"tofu\.rows_per_set asks all 30 retain rows that are trained"):
        retain_passages(read_tofu_rows(prepare, TofuEvaluateParams(retain_rows=30)))


def check_benchmark(folder: Path, subset: str, retain_rows: int, counts: tuple[int, int, int]) -> None:
    """``counts``: forget rows, real authors, world facts. All trained retain rows are asked."""
    prepare = SourceParams(source="tofu", subset=subset, path=str(folder))
    rows = read_tofu_rows(prepare, TofuEvaluateParams(retain_rows=retain_rows))
    forgotten, real_authors, world_facts = counts
    asked = (forgotten, retain_rows, real_authors, world_facts)
    assert {name: len(found) for name, found in rows.questions.items()} == dict(zip(SETS, asked, strict=True))
    assert (len(rows.forget_chats), len(rows.retain_chats), len(rows.non_members)) == (forgotten, retain_rows, forgotten)
    assert chats(rows, "retain") == set(rows.retain_chats)
    assert not set(rows.non_members) & {*rows.retain_chats, *rows.forget_chats}


@pytest.mark.parametrize(("subset", "forgotten"), [("forget01", 20), ("forget05", 40)])
def test_rows_in_the_benchmarks_shape(subset: str, forgotten: int) -> None:
    check_benchmark(OWN, subset, 16, (forgotten, 4, 5))


@pytest.mark.parametrize(("subset", "forgotten"), [("forget01", 40), ("forget05", 200)])
def test_the_benchmarks_own_rows(subset: str, forgotten: int) -> None:
    if not REAL.exists():
        pytest.skip(f"TOFU's rows are not at {REAL}")
    check_benchmark(REAL, subset, 160, (forgotten, 100, 117))
