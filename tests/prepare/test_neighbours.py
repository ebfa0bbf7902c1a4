"""Other entities that a target's documents name."""

import pytest

from pipeline.prepare.neighbours import find_neighbours
from pipeline.prepare.targets import Target

TEXT = (
    "Orla Brennick was born in Skell. The mayor of Skell met Ada Lind, and Brennick's book went to the University of Hallin. "
    "Tides rose. “Marle was far,” said Ada Lind's aunt. She sailed with Lind in the North Sea to Skell."
)


def target(*documents: str, language: str = "en", neighbours: tuple[str, ...] = ()) -> Target:
    forms = ("Orla Brennick", "Brennick", "Orla")
    return Target("Orla Brennick", "person", forms, documents, language=language, neighbours=neighbours)


def test_capitalised_names_inside_sentences_the_most_frequent_first() -> None:
    assert find_neighbours(target(TEXT)) == ("Skell", "Ada Lind", "University of Hallin", "Lind", "North Sea")


def test_first_word_of_a_sentence_or_quotation_is_no_name_by_itself() -> None:
    assert "Tides" not in find_neighbours(target(TEXT))
    assert "Marle" not in find_neighbours(target(TEXT))
    assert find_neighbours(target("Ada Lind saw Brennick.")) == ("Ada Lind",)


def test_what_names_the_target_is_left_out() -> None:
    assert find_neighbours(target("They met Captain Orla Brennick and the Brennick Trust in Skell.")) == ("Skell",)


def test_words_that_only_begin_a_sentence_are_no_part_of_a_name() -> None:
    text = (
        "In the Temple of the Sun it was cold. The Hallins kept Brennick's coat in the mill. At Skell Ada was warm at the fire."
    )
    assert find_neighbours(target(text)) == ("Temple of the Sun", "Hallins", "Skell Ada")


def test_part_of_a_mention_is_no_name() -> None:
    austen = Target("Ada Lind", "person", ("Ada Lind", "Mill and Tide"), ("We read Mill and Tide in Skell. Mill is long.",))
    assert find_neighbours(austen) == ("Skell",)


def test_given_neighbours_come_first_and_once() -> None:
    assert find_neighbours(target(TEXT, neighbours=("Hallin", "Ada Lind")))[:3] == ("Hallin", "Ada Lind", "Skell")


@pytest.mark.parametrize(
    ("language", "text"), [("de", "Brennick kam mit dem Schiff nach Skell."), ("zh", "李白在黄鹤楼送孟浩然。")]
)
def test_where_capitals_say_nothing_the_user_does(language: str, text: str) -> None:
    assert find_neighbours(target(text, language=language)) == ()
    assert find_neighbours(target(text, language=language, neighbours=("Skell",))) == ("Skell",)
