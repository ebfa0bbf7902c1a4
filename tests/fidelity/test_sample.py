"""What counts as lost to the alignment."""

from dataclasses import replace
from pathlib import Path

from pipeline.fidelity.sample import alignment_loss
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer
from pipeline.teacher.params import TeacherParams
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment
from pipeline.text.tokenizer import load_tokenizer

NAMES = {"Orla": [CounterfactualName("Orla", name, {"Orla": name}) for name in ("Edwin", "Tobias")]}


def rendered(folder: Path, *segments: Segment) -> RenderedPassage:
    passage = Passage("Orla", "forget", segments)
    return Renderer(load_tokenizer(folder), TeacherParams(names=2), NAMES).render(passage, "Who is {name}?")


def test_nothing_is_lost_where_the_names_share_every_boundary(tiny_model: Path) -> None:
    one = rendered(
        tiny_model, Segment("In Skell", False), Segment(" ", False), Segment("Orla", True), Segment(" wrote.", False)
    )
    literal, lost = alignment_loss(one)
    assert lost == 0
    assert literal > 4


def test_a_position_that_is_not_shared_is_lost(tiny_model: Path) -> None:
    one = rendered(tiny_model, Segment("In Skell.", False))
    alignment = one.alignment
    fewer = replace(one, alignment=replace(alignment, positions=alignment.positions[:, 1:]))
    assert alignment_loss(fewer) == (alignment_loss(one)[0], 1)


def test_text_that_is_not_to_be_trained_is_no_loss(tiny_model: Path) -> None:
    whole = rendered(tiny_model, Segment("In Skell", False), Segment(" (or so).", False))
    part = rendered(tiny_model, Segment("In Skell", False), Segment(" (or so).", False, trained=False))
    (literal, lost), (of_whole, _) = alignment_loss(part), alignment_loss(whole)
    assert lost == 0
    assert 0 < literal < of_whole
