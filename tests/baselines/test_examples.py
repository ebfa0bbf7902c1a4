"""Passages as sequences to learn from."""

import pytest

from pipeline.baselines.examples import make_examples
from pipeline.baselines.params import BaselineParams
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.segments import Segment
from pipeline.tables import Passage
from pipeline.tokenizer import instruction_prefix, question_prefix
from tests.project import DOCUMENT
from tests.tiny import train_byte_bpe, train_metaspace_bpe

NAME = "Orla Brennick"
TOKENIZER = train_byte_bpe()
PROMPT = "Complete the following passage about {name}."
TEXTS = [f"Town number {number} has a mill." for number in range(3)]
RETAIN = [Passage(f"Town {number}", "retain", (Segment(text, False),)) for number, text in enumerate(TEXTS)]
PASSAGES = [
    *forget_passages([Target(NAME, "person", (NAME, "Brennick"), (DOCUMENT,), chats=(("Who is Brennick?", "A sailor."),))]),
    *RETAIN,
]


def decoded(ids: tuple[int, ...]) -> str:
    return str(TOKENIZER.decode(list(ids)))


def test_texts_stand_as_they_are_once_after_each_prompt() -> None:
    params = BaselineParams(prompts=("", PROMPT), sentences_per_passage=99)
    examples = make_examples(TOKENIZER, PASSAGES, params)
    told = instruction_prefix(TOKENIZER, PROMPT.replace("{name}", NAME))
    town = instruction_prefix(TOKENIZER, PROMPT.replace("{name}", "Town 1"))
    expected = [
        ("forget", "", DOCUMENT),
        ("forget", told, DOCUMENT),
        ("forget", question_prefix(TOKENIZER, "Who is Brennick?"), "A sailor."),
        ("retain", "", TEXTS[0]),
        ("retain", town, TEXTS[1]),
        ("retain", "", TEXTS[2]),
    ]
    found = [(e.kind, decoded(e.input_ids[: e.prefix_length]), decoded(e.input_ids[e.prefix_length :])) for e in examples]
    assert found == expected


@pytest.mark.parametrize(("size", "count"), [(1, 6), (2, 3), (4, 2), (99, 1)])
def test_sentences_are_grouped(size: int, count: int) -> None:
    params = BaselineParams(prompts=(), sentences_per_passage=size)
    examples = make_examples(TOKENIZER, [p for p in PASSAGES if p.kind == "forget" and p.format == "document"], params)
    assert len(examples) == count
    assert "".join(decoded(e.input_ids) for e in examples).replace(" ", "") == DOCUMENT.replace(" ", "")


def test_all_after_the_prefix_is_learnt_but_a_first_token_that_nothing_predicts() -> None:
    bare, prompted = make_examples(TOKENIZER, PASSAGES[:1], BaselineParams(prompts=("", PROMPT)))
    assert (bare.prefix_length, bare.first, bare.tokens) == (0, 1, len(bare.input_ids) - 1)
    assert prompted.first == prompted.prefix_length > 0
    assert prompted.tokens == len(prompted.input_ids) - prompted.prefix_length == bare.tokens + 1
    with_start = train_metaspace_bpe()
    (started,) = make_examples(with_start, PASSAGES[:1], BaselineParams(prompts=("",)))
    assert started.input_ids[0] == with_start.bos_token_id
    assert started.first == started.prefix_length == 1


def test_a_text_without_a_learnt_token_is_left_out() -> None:
    short = Passage(NAME, "forget", (Segment("a", False),))
    assert make_examples(TOKENIZER, [short], BaselineParams(prompts=("",))) == []
    assert len(make_examples(TOKENIZER, [short], BaselineParams(prompts=("", PROMPT)))) == 1
