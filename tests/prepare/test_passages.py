"""Cutting documents into passages."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.prepare.passages import cut_passages, read_retain_passages, split_sentences
from pipeline.prepare.targets import Target
from tests.project import DOCUMENT

JAPANESE = "湯川秀樹は京都で育った。彼は物理学を学んだ。その後、賞を受けた。"


def target(*documents: str) -> Target:
    return Target("Orla Brennick", "person", ("Orla Brennick", "Brennick", "Orla"), documents, {})


@pytest.mark.parametrize(("text", "language", "count"), [(DOCUMENT, "en", 6), (JAPANESE, "ja", 3)])
def test_sentences_are_counted_and_join_back(text: str, language: str, count: int) -> None:
    sentences = split_sentences(text, language)
    assert len(sentences) == count
    assert "".join(sentences) == text


@given(st.lists(st.sampled_from(["Orla ", "Dr. ", "ran. ", "Why? ", "\n", "\n\n", " ", "\t", "é", "牛。", '"No!" ', "3.5 "])))
def test_sentences_join_back(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert "".join(split_sentences(text, "en")) == text


@pytest.mark.parametrize("size", [1, 2, 4, 6, 99])
def test_passages_hold_n_sentences_and_join_back(size: int) -> None:
    passages = cut_passages(target(DOCUMENT), "en", size)
    texts = ["".join(segment.text for segment in passage.segments) for passage in passages]
    assert " ".join(texts) == DOCUMENT
    assert len(texts) == -(-6 // size)
    assert all(len(split_sentences(text, "en")) == size for text in texts[:-1])


def test_documents_are_not_joined() -> None:
    passages = cut_passages(target("Brennick ran. She fell. She rose.", "Orla slept."), "en", 2)
    texts = ["".join(segment.text for segment in passage.segments) for passage in passages]
    assert texts == ["Brennick ran. She fell.", "She rose.", "Orla slept."]


def test_passages_know_their_mentions() -> None:
    first, *_ = cut_passages(target(DOCUMENT), "en", 3)
    assert (first.target, first.kind) == ("Orla Brennick", "forget")
    assert [segment.text for segment in first.segments if segment.mention] == ["Orla Brennick", "Brennick"]


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
    passages = read_retain_passages([target(DOCUMENT)], path)
    assert [(p.target, p.kind) for p in passages] == [("Skell", "retain"), ("Marle", "retain")]
    assert [segment.text for segment in passages[0].segments] == ["Skell has a mill."]


def test_absent_or_empty_retain_file_gives_none(tmp_path: Path) -> None:
    assert read_retain_passages([target(DOCUMENT)], tmp_path / "none.jsonl") == []
    assert read_retain_passages([target(DOCUMENT)], retain(tmp_path)) == []


def test_faulty_retain_row_is_told_with_its_line(tmp_path: Path) -> None:
    path = retain(tmp_path, {"subject": "Skell", "text": "Skell has a mill."}, {"subject": "Marle"})
    with pytest.raises(InputError, match="line 2: the field 'text' is missing"):
        read_retain_passages([target(DOCUMENT)], path)
