"""Which passages are taught, and how sentences become passages."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import InputError
from pipeline.core.outputs import ELICITED, PREPARED
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.teacher.params import TeacherParams
from pipeline.teacher.passages import PassageSource, group_sentences, in_order
from pipeline.text.passages import Passage, write_passages
from pipeline.text.segments import Segment, text_of
from pipeline.text.tokenizer import tokenize
from tests.project import DOCUMENT
from tests.tiny import train_byte_bpe

TOKENIZER = train_byte_bpe()
FORMS = ("Orla Brennick", "Brennick", "Orla")
LONG = "Orla ran.\n\nBrennick fell. She rose (Орла).  Then Orla\nslept. It rained. Brennick’s boat sank."
CHATS = (("Who is Orla?", "A sailor."), ("Where?", "In Skell."))
RETAIN = [Passage("Skell", "retain", (Segment("Skell has a mill. It has a bridge.", False),)) for _ in range(2)]


def sentences(*documents: str) -> list[Passage]:
    return [*forget_passages([Target("Orla Brennick", "person", FORMS, documents, chats=CHATS)]), *RETAIN]


def grouped(passages: Iterable[Passage], params: TeacherParams) -> list[Passage]:
    return list(group_sentences(passages, params, TOKENIZER))


def documents_of(passages: list[Passage]) -> list[str]:
    """The documents that the passages are cut from."""
    joined: dict[int, str] = {}
    for passage in passages:
        if passage.kind == "forget" and passage.format == "document":
            joined[passage.document] = joined.get(passage.document, "") + text_of(passage.segments) + passage.after
    return list(joined.values())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 99])
def test_by_sentences(size: int) -> None:
    whole = sentences(LONG, DOCUMENT)
    passages = grouped(whole, TeacherParams(sentences_per_passage=size))
    assert documents_of(passages) == [LONG, DOCUMENT]
    counts = [len([p for p in passages if p.document == n and p.format == "document" and p.kind == "forget"]) for n in (0, 1)]
    assert counts == [-(-6 // size), -(-6 // size)]
    assert [p for p in passages if p.format == "chat" or p.kind == "retain"] == [
        p for p in whole if p.format == "chat"
    ] + RETAIN


@pytest.mark.parametrize("limit", [1, 12, 40, 1000])
def test_by_tokens(limit: int) -> None:
    passages = grouped(sentences(LONG, DOCUMENT), TeacherParams(tokens_per_passage=limit, sentences_per_passage=2))
    assert documents_of(passages) == [LONG, DOCUMENT]
    for passage in passages:
        if passage.kind == "retain" or passage.format == "chat":
            continue
        own = grouped([passage], TeacherParams())
        assert own == [passage]
        last = not passage.after
        assert last or len(tokenize(TOKENIZER, text_of(passage.segments))[0]) > limit
        without = text_of(passage.segments).rpartition(". ")[0]
        assert limit == 1 or len(tokenize(TOKENIZER, without)[0]) <= limit


def test_passages_of_one_sentence_are_the_sentences() -> None:
    assert grouped(sentences(LONG), TeacherParams(sentences_per_passage=1)) == sentences(LONG)


def test_neighbouring_literals_become_one_and_keep_what_is_not_trained() -> None:
    (passage, *_) = grouped(sentences(LONG), TeacherParams(sentences_per_passage=99))
    assert passage.segments == (
        Segment("Orla", True),
        Segment(" ran.\n\n", False),
        Segment("Brennick", True),
        Segment(" fell. She rose (", False),
        Segment("Орла", False, trained=False),
        Segment(").  Then ", False),
        Segment("Orla", True),
        Segment("\nslept. It rained. ", False),
        Segment("Brennick", True),
        Segment("’s boat sank.", False),
    )
    assert passage.after == ""


PIECES = ["Orla", " Brennick", " ran. ", "Why? ", "\n", " ", "牛。", "Она ", "[ˈɔrlə] ", "3.5"]
DOCUMENTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map("".join).filter(str.strip)


@given(st.lists(DOCUMENTS, min_size=1, max_size=3), st.integers(1, 4), st.sampled_from([0, 0, 5, 30]))
def test_whatever_the_size_the_documents_join_back(documents: list[str], size: int, tokens: int) -> None:
    params = TeacherParams(sentences_per_passage=size, tokens_per_passage=tokens)
    passages = grouped(sentences(*documents), params)
    assert documents_of(passages) == [document.strip() for document in documents]
    for passage in passages:
        for one, other in zip(passage.segments, passage.segments[1:], strict=False):
            assert one.mention or other.mention or one.trained != other.trained


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
    passages = PassageSource(TeacherParams(forget_from=forget_from, retain_from=retain_from), PREPARED, ELICITED)
    for _ in range(2):  # it is gone through anew
        texts = [passage.segments[0].text for passage in passages]
        assert texts == [f"{source} {number}" for source in wanted for number in (1, 2)]


def test_what_no_parameter_names_need_not_be_there(folder: Path) -> None:
    (folder / ELICITED / "passages.parquet").unlink()
    given_alone = PassageSource(TeacherParams(forget_from=("given",), retain_from=("given",)), PREPARED, ELICITED)
    assert len(list(given_alone)) == 4
    with pytest.raises(InputError, match=r"data/elicited/passages.parquet is missing; make it first \(dvc repro elicit\)"):
        list(PassageSource(TeacherParams(), PREPARED, ELICITED))


PROMPTS = ("Write about {name}.", "Who is {name}?", "Tell of {name}.")


@pytest.mark.parametrize("prompts", [(), PROMPTS[:1], PROMPTS])
def test_documents_after_one_prompt_come_together(prompts: tuple[str, ...]) -> None:
    """Every document after every prompt once, chats once without a prompt, each retain text after one prompt in turn."""
    whole, params = sentences(LONG, DOCUMENT), TeacherParams(prompts=prompts, sentences_per_passage=2)
    passages, ordered = grouped(whole, params), list(in_order(whole, params, TOKENIZER))
    documents = [p for p in passages if p.kind == "forget" and p.format == "document"]
    chats = [p for p in passages if p.kind == "forget" and p.format == "chat"]
    asked = prompts or ("",)
    wanted = [(document, prompt) for prompt in asked for document in documents]
    wanted += [(chat, "") for chat in chats]
    wanted += [(text, asked[number % len(asked)]) for number, text in enumerate(RETAIN)]
    assert ordered == wanted
    assert len(documents) == 6 and len(chats) == 2


def test_order_needs_passages_that_can_be_gone_through_again(folder: Path) -> None:
    params = TeacherParams(prompts=PROMPTS)
    source = PassageSource(params, PREPARED, ELICITED)
    ordered = list(in_order(source, params, TOKENIZER))
    assert ordered == list(in_order(list(source), params, TOKENIZER))
    assert len(ordered) == 4 * len(PROMPTS) + 4
