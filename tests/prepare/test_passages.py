"""Cutting documents into passages, and the other entities that they name."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
import sentencex
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import InputError
from pipeline.prepare import passages
from pipeline.prepare.passages import (
    cut_document,
    find_neighbours,
    forget_passages,
    read_retain_passages,
    split_sentences,
    without_mentions,
)
from pipeline.prepare.tables import limited
from pipeline.prepare.targets import Target
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment, split_mentions
from tests.project import DOCUMENT

CHINESE = "鲁迅生于浙江绍兴。1902年去日本留学！后来他说：“好。1909年回国。”①他去了北京。"
JAPANESE = "湯川秀樹は京都で育った。彼は物理学を学んだ。その後、賞を受けた。"


def target(*documents: str, **facts: Any) -> Target:
    return Target("Orla Brennick", "person", ("Orla Brennick", "Brennick", "Orla"), documents, **facts)


@pytest.mark.parametrize(("text", "language", "count"), [(DOCUMENT, "en", 6), (JAPANESE, "ja", 3), (CHINESE, "zh", 4)])
def test_sentences_are_counted_and_join_back(text: str, language: str, count: int) -> None:
    sentences = split_sentences(text, language)
    assert len(sentences) == count
    assert "".join(sentences) == text


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("生于绍兴。1902年去日本。", ["生于绍兴。", "1902年去日本。"]),
        ("京都で育った！？１９０２年に学んだ。", ["京都で育った！？", "１９０２年に学んだ。"]),
        ("他说：“好。1902年走。”1903年来。", ["他说：“好。1902年走。”", "1903年来。"]),
        ("绍兴（1881年生。1936年卒。）人。", ["绍兴（1881年生。1936年卒。）人。"]),
        ("长3.5米。iPod好。", ["长3.5米。", "iPod好。"]),
    ],
)
@pytest.mark.parametrize("language", ["zh", "ja"])
def test_sentence_ends_before_a_numeral_without_a_space(text: str, sentences: list[str], language: str) -> None:
    assert split_sentences(text, language) == sentences


def test_long_chinese_paragraph_is_shown_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """sentencex takes four times as long for twice the paragraph; what it finds is the same."""
    text, shown = CHINESE * 500, []

    def segment(language: str, block: str) -> list[str]:
        shown.append(len(block))
        return list(sentencex.segment(language, block))

    monkeypatch.setitem(sys.modules, "sentencex", SimpleNamespace(segment=segment))
    sentences = split_sentences(text, "zh")
    assert "".join(sentences) == text
    assert sentences == split_sentences(CHINESE, "zh") * 500
    assert sum(shown) == len(text) + len(CHINESE)
    assert max(shown) < 2000 + len(CHINESE)


def lines_run(call: Callable[[], object]) -> int:
    """How many lines of the module under test ``call`` runs, each turn of a loop counted."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line" and frame.f_code.co_filename == passages.__file__
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def test_cutting_a_document_takes_work_in_proportion_to_its_length() -> None:
    once, tenfold = (lines_run(lambda n=n: list(cut_document(target(), DOCUMENT * n, 0))) for n in (20, 200))
    assert once * 8 < tenfold < once * 11


@given(st.lists(st.sampled_from(["Orla ", "Dr. ", "ran. ", "Why? ", "\n", "\n\n", " ", "\t", "é", "牛。", '"No!" ', "3.5 "])))
def test_sentences_join_back(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert "".join(split_sentences(text, "en")) == text


def text_of(passage: Passage) -> str:
    return "".join(segment.text for segment in passage.segments)


def whole(passages: list[Passage]) -> str:
    return "".join(text_of(passage) + passage.after for passage in passages)


def test_passages_are_sentences_and_join_back() -> None:
    passages = list(cut_document(target(), f"  {DOCUMENT}\n", 7))
    assert [text_of(p) for p in passages] == [s.strip() for s in split_sentences(DOCUMENT, "en")]
    assert whole(passages) == DOCUMENT
    assert {(p.target, p.kind, p.format, p.document) for p in passages} == {("Orla Brennick", "forget", "document", 7)}
    assert [segment.text for segment in passages[0].segments if segment.mention] == ["Orla Brennick"]


PIECES = ["Orla", "Orla Brennick", "J. Brennick", " ran. ", "Why? ", "\n", "\n\n", " ", "é", "牛。", '"No!" ', "3.5 "]
PIECES += ["[ˈɔrlə] "]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join).filter(str.strip))
def test_any_document_joins_back_and_no_mention_is_cut(text: str) -> None:
    forms = ("Orla Brennick", "J. Brennick", "Brennick", "Orla")
    passages = list(cut_document(Target("Orla Brennick", "person", forms), text, 0))
    assert whole(passages) == text.strip()
    mentions = [segment.text for passage in passages for segment in passage.segments if segment.mention]
    assert mentions == [segment.text for segment in split_mentions(text.strip(), forms) if segment.mention]
    for passage in passages:
        assert text_of(passage) == text_of(passage).rstrip() != ""


def test_sentence_does_not_end_inside_a_mention() -> None:
    book = Target("Who? A Tale", "book", ("Who? A Tale",), language="en")
    texts = [text_of(p) for p in cut_document(book, "She read Who? A Tale. Then she slept.", 0)]
    assert texts == ["She read Who? A Tale.", "Then she slept."]


def test_documents_are_numbered_over_all_targets_and_chats_follow() -> None:
    first = target("Brennick ran. She fell.", "Orla slept.", chats=(("Who is Orla?", " Brennick, a sailor. "),))
    second = Target("Ada Lind", "person", ("Ada Lind", "Lind"), ("Lind sang.",))
    passages = forget_passages([first, second])
    assert [(text_of(p), p.format, p.document) for p in passages] == [
        ("Brennick ran.", "document", 0),
        ("She fell.", "document", 0),
        ("Orla slept.", "document", 1),
        ("Brennick, a sailor.", "chat", 0),
        ("Lind sang.", "document", 2),
    ]
    chat = passages[3]
    assert chat.question == (Segment("Who is ", False), Segment("Orla", True), Segment("?", False))
    assert chat.segments[0] == Segment("Brennick", True)


@pytest.mark.parametrize(
    ("text", "untrained"),
    [
        ("Orla (Орла) ran.", ["Орла"]),
        ("Orla [ˈɔrlə] ran.", ["[ˈɔrlə]"]),
        ("Orla /ˈɔrlə/ ran.", ["/ˈɔrlə/"]),
        ("Orla (Ancient Greek: Ὄρλα ἡ Σκελλεύς) ran.", ["Ὄρλα ἡ Σκελλεύς"]),
        ("Orla (हिन्दी में ओर्ला) ran.", ["हिन्दी में ओर्ला"]),
        ("Orla (オーラ・ブレニック) ran.", ["オーラ・ブレニック"]),
        ("Orla drank 3 µl and/or ran [sic] to Hawaiʻi.", []),
        ("Orla ran 5/6 miles/hour, naïvely, to Ørsted.", []),
    ],
)
def test_pronunciations_and_other_scripts_are_read_but_not_trained(text: str, untrained: list[str]) -> None:
    (passage,) = cut_document(target(), text, 0)
    assert [segment.text for segment in passage.segments if not segment.trained] == untrained
    assert text_of(passage) == text
    assert all(segment.trained for segment in passage.segments if segment.mention)


def test_in_another_script_everything_is_trained() -> None:
    hideki = Target("湯川秀樹", "person", ("湯川秀樹", "湯川"), language="ja")
    assert all(segment.trained for p in cut_document(hideki, JAPANESE + "Nobel賞(ノーベル)。", 0) for segment in p.segments)


@pytest.mark.parametrize(("limit", "count"), [(0, 9), (4, 4), (9, 9), (20, 9)])
def test_limited_rows_keep_their_order(limit: int, count: int) -> None:
    rows = limited(range(9), limit, 0)
    assert len(rows) == count
    assert rows == sorted(rows)
    assert rows == limited(range(9), limit, 0)


def test_limited_rows_are_drawn_by_the_seed() -> None:
    assert len({tuple(limited(range(99), 5, seed)) for seed in range(9)}) > 5


def retain(tmp_path: Path, *rows: dict[str, str]) -> Path:
    path = tmp_path / "retain_passages.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_retain_passage_that_mentions_a_target_is_left_out(tmp_path: Path) -> None:
    path = retain(
        tmp_path,
        {"subject": "Skell", "text": " Skell has a mill. "},
        {"subject": "Hallin", "text": "Hallin printed Brennick's book."},
        {"subject": "Marle", "text": "The Brennicks lived in Marle."},
    )
    passages = without_mentions(read_retain_passages(path), [target(DOCUMENT)])
    assert [(p.target, p.kind) for p in passages] == [("Skell", "retain"), ("Marle", "retain")]
    assert [segment.text for segment in passages[0].segments] == ["Skell has a mill."]


def test_absent_or_empty_retain_file_gives_none(tmp_path: Path) -> None:
    assert read_retain_passages(tmp_path / "none.jsonl") == []
    assert read_retain_passages(retain(tmp_path)) == []


def test_faulty_retain_row_is_told_with_its_line(tmp_path: Path) -> None:
    path = retain(tmp_path, {"subject": "Skell", "text": "Skell has a mill."}, {"subject": "Marle"})
    with pytest.raises(InputError, match="line 2: the field 'text' is missing"):
        read_retain_passages(path)


NEIGHBOURS = (
    "Orla Brennick was born in Skell. The mayor of Skell met Ada Lind, and Brennick's book went to the University of Hallin. "
    "Tides rose. “Marle was far,” said Ada Lind's aunt. She sailed with Lind in the North Sea to Skell."
)


def test_capitalised_names_inside_sentences_the_most_frequent_first() -> None:
    assert find_neighbours(target(NEIGHBOURS)) == ("Skell", "Ada Lind", "University of Hallin", "Lind", "North Sea")


def test_first_word_of_a_sentence_or_quotation_is_no_name_by_itself() -> None:
    assert "Tides" not in find_neighbours(target(NEIGHBOURS))
    assert "Marle" not in find_neighbours(target(NEIGHBOURS))
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
    assert find_neighbours(target(NEIGHBOURS, neighbours=("Hallin", "Ada Lind")))[:3] == ("Hallin", "Ada Lind", "Skell")


@pytest.mark.parametrize(
    ("language", "text"), [("de", "Brennick kam mit dem Schiff nach Skell."), ("zh", "李白在黄鹤楼送孟浩然。")]
)
def test_where_capitals_say_nothing_the_user_does(language: str, text: str) -> None:
    assert find_neighbours(target(text, language=language)) == ()
    assert find_neighbours(target(text, language=language, neighbours=("Skell",))) == ("Skell",)
