"""What a run works on, whatever it comes from."""

from pathlib import Path

import pytest

from pipeline.core.errors import InputError, ParamError
from pipeline.prepare.build import read_files
from pipeline.prepare.params import PrepareParams
from tests.project import DOCUMENT, question, write_jsonl

SPLITS = ("forget", "hard_retain", "general_retain")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two targets, nine questions in mixed order, eight retain passages of which one names the first target."""
    (tmp_path / "data").mkdir()
    second = {"target": "Edwin Calloway", "documents": ["Calloway was born in Marle."]}
    write_jsonl(tmp_path / "data/targets.jsonl", [{"target": "Orla Brennick", "documents": [DOCUMENT]}, second])
    rows = [question(split, f"What of {split} {n}?", "Skell", []) for n in range(3) for split in SPLITS]
    write_jsonl(tmp_path / "data/questions.jsonl", rows)
    texts = [f"Town {n} has a mill." for n in range(7)] + ["Brennick lived here."]
    write_jsonl(tmp_path / "data/retain_passages.jsonl", [{"subject": "Town", "text": text} for text in texts])
    monkeypatch.chdir(tmp_path)
    return tmp_path


BOTH = ("Orla Brennick", "Edwin Calloway")
ONE = PrepareParams(targets=BOTH[:1])


def test_everything_by_default(folder: Path) -> None:
    source = read_files(ONE, elicits=True)
    assert [target.name for target in source.targets] == ["Orla Brennick"]
    assert [target.name for target in source.known] == ["Orla Brennick", "Edwin Calloway"]
    assert [row["question"] for row in source.questions] == [f"What of {split} {n}?" for split in SPLITS for n in range(3)]
    assert len(source.retain) == 7


def test_limits_are_a_split_and_a_kind(folder: Path) -> None:
    source = read_files(PrepareParams(targets=ONE.targets, retain_limit=4, questions_per_split=2), elicits=True)
    assert [row["split"] for row in source.questions] == ["forget"] * 2 + ["hard_retain"] * 2 + ["general_retain"] * 2
    assert len(source.retain) == 4
    whole = read_files(ONE, elicits=True)
    assert [row for row in whole.questions if row in source.questions] == source.questions
    assert [passage for passage in whole.retain if passage in source.retain] == source.retain
    seeds = {
        tuple(
            p.segments[0].text
            for p in read_files(PrepareParams(targets=ONE.targets, retain_limit=2, seed=s), elicits=True).retain
        )
        for s in range(8)
    }
    assert len(seeds) > 3


def test_limit_that_leaves_a_target_without_a_question_is_told(folder: Path) -> None:
    rows = [{**question("forget", f"What of {n}?", "Skell", []), "target": name} for n in range(9) for name in BOTH]
    write_jsonl(folder / "data/questions.jsonl", rows)
    with pytest.raises(ParamError, match=r"prepare\.questions_per_split is 1, which leaves no forget question about"):
        read_files(PrepareParams(targets=BOTH, questions_per_split=1), elicits=True)


@pytest.mark.parametrize(("neighbour", "itself"), [("Orla Maddern", False), ("Orla Brennick", True), ("Orla", True)])
def test_neighbour_may_share_a_given_name(folder: Path, neighbour: str, itself: bool) -> None:
    write_jsonl(
        folder / "data/targets.jsonl", [{"target": "Orla Brennick", "documents": [DOCUMENT], "neighbours": [neighbour]}]
    )
    if itself:
        with pytest.raises(InputError, match=r"'neighbours' of 'Orla Brennick' has 'Orla.*', which names it"):
            read_files(ONE, elicits=True)
    else:
        assert read_files(ONE, elicits=True).targets[0].neighbours == (neighbour,)


def test_files_of_another_folder_stand_in_for_the_projects_own(folder: Path) -> None:
    (folder / "mine").mkdir()
    params = ONE.changed(path="mine")
    with pytest.raises(ParamError, match=r"prepare\.path is 'mine', but that folder holds none of targets\.jsonl, questions"):
        read_files(params, elicits=True)
    write_jsonl(folder / "mine/questions.jsonl", [question("forget", "Where was Orla Brennick born?", "Skell", [])])
    source = read_files(params, elicits=True)
    assert [row["question"] for row in source.questions] == ["Where was Orla Brennick born?"]
    assert (len(source.known), len(source.retain)) == (2, 7)
    write_jsonl(folder / "mine/targets.jsonl", [{"target": "Orla Brennick", "documents": [DOCUMENT]}])
    write_jsonl(folder / "mine/retain_passages.jsonl", [{"subject": "Skell", "text": "Skell has a mill."}])
    source = read_files(params, elicits=True)
    assert (len(source.known), len(source.retain)) == (1, 1)
