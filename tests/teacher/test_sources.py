"""Which passages are taught."""

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.params import TeacherParams
from pipeline.paths import ELICITED, PREPARED
from pipeline.segments import Segment
from pipeline.tables import Passage, write_passages
from pipeline.teacher.sources import passages_to_teach


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each folder holds two passages of each kind, retain ones first."""
    for place in (PREPARED, ELICITED):
        (tmp_path / place).mkdir(parents=True)
        passages = [
            Passage("Orla", kind, (Segment(f"{place.name} {kind} {n}", False),))
            for kind in ("retain", "forget")
            for n in (1, 2)
        ]
        write_passages(tmp_path / place, passages)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("forget_from", "retain_from", "wanted"),
    [
        (
            ("given", "elicited"),
            ("given", "elicited"),
            ("prepared forget", "elicited forget", "prepared retain", "elicited retain"),
        ),
        (("elicited", "given"), (), ("prepared forget", "elicited forget")),
        (("given",), ("elicited",), ("prepared forget", "elicited retain")),
        (("elicited",), ("given",), ("elicited forget", "prepared retain")),
    ],
)
def test_forget_before_retain_given_before_elicited(
    folder: Path, forget_from: tuple[str, ...], retain_from: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    passages = passages_to_teach(TeacherParams(forget_from=forget_from, retain_from=retain_from))
    texts = [passage.segments[0].text for passage in passages]
    assert texts == [f"{source} {number}" for source in wanted for number in (1, 2)]


def test_a_benchmark_that_elicits_nothing_is_told_what_to_set(folder: Path) -> None:
    with pytest.raises(InputError, match=r"mine/elicited is missing.*forget_from and\s+retain_from .* to \[given\]"):
        passages_to_teach(TeacherParams(), PREPARED, Path("benchmarks/mine/elicited"))
