"""Passages as sequences to learn from, and which of them a step holds."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.methods.example import Example
from benchmarks.methods.likelihood import Likelihood, make_examples
from benchmarks.methods.params import BaselineParams
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.text.chat import instruction_prefix, question_prefix
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment
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
    prompted = instruction_prefix(TOKENIZER, PROMPT.replace("{name}", NAME))
    town = instruction_prefix(TOKENIZER, PROMPT.replace("{name}", "Town 1"))
    expected = [
        ("forget", "", DOCUMENT),
        ("forget", prompted, DOCUMENT),
        ("forget", question_prefix(TOKENIZER, "Who is Brennick?"), "A sailor."),
        ("retain", "", TEXTS[0]),
        ("retain", town, TEXTS[1]),
        ("retain", "", TEXTS[2]),
    ]
    starts = [example.start if example.start > 1 else 0 for example in examples]
    found = [(e.kind, decoded(e.input_ids[:n]), decoded(e.input_ids[n:])) for e, n in zip(examples, starts, strict=True)]
    assert found == expected


@pytest.mark.parametrize(("size", "count"), [(1, 6), (2, 3), (4, 2), (99, 1)])
def test_sentences_are_grouped(size: int, count: int) -> None:
    params = BaselineParams(prompts=(), sentences_per_passage=size)
    examples = make_examples(TOKENIZER, [p for p in PASSAGES if p.kind == "forget" and p.format == "document"], params)
    assert len(examples) == count
    assert "".join(decoded(e.input_ids) for e in examples).replace(" ", "") == DOCUMENT.replace(" ", "")


def test_all_after_the_prefix_is_learnt_but_a_first_token_that_nothing_predicts() -> None:
    bare, prompted = make_examples(TOKENIZER, PASSAGES[:1], BaselineParams(prompts=("", PROMPT)))
    assert (bare.start, bare.learnt) == (1, len(bare.input_ids) - 1)
    assert prompted.start == len(prompted.input_ids) - len(bare.input_ids) > 1
    assert prompted.learnt == len(prompted.input_ids) - prompted.start == bare.learnt + 1
    with_start = train_metaspace_bpe()
    (started,) = make_examples(with_start, PASSAGES[:1], BaselineParams(prompts=("",)))
    assert started.input_ids[0] == with_start.bos_token_id
    assert started.start == 1


def test_a_text_without_a_learnt_token_is_left_out() -> None:
    short = Passage(NAME, "forget", (Segment("a", False),))
    assert make_examples(TOKENIZER, [short], BaselineParams(prompts=("",))) == []
    assert len(make_examples(TOKENIZER, [short], BaselineParams(prompts=("", PROMPT)))) == 1


def examples_of(forget: int, retain: int) -> list[Example]:
    return [Example((1, 2), 1, "forget")] * forget + [Example((1, 2), 1, "retain")] * retain


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.floats(0.01, 3), st.integers(0, 5))
def test_every_forget_example_once_and_retain_examples_dealt_evenly(
    forget: int, retain: int, size: int, ratio: float, epoch: int
) -> None:
    params = BaselineParams(passages_per_step=size, retain_per_forget=ratio)
    steps = Likelihood(examples_of(forget, retain), params, seed=3).steps(epoch)
    counted = Counter(index for step in steps for index in step)
    assert set(counted.values()) == {1}
    assert {index for index in counted if index < forget} == set(range(forget))
    drawn = [sum(index >= forget for index in step) for step in steps]
    assert sum(drawn) == min(max(round(ratio * forget), 1), retain)
    assert max(drawn) - min(drawn) <= 1
    sizes = [sum(index < forget for index in step) for step in steps]
    assert all(count == size for count in sizes[:-1])
    assert 0 < sizes[-1] <= size


def test_without_retain_there_is_none() -> None:
    params = BaselineParams(passages_per_step=2, retain_weight=0.0)
    steps = Likelihood(examples_of(5, 5), params, seed=0).steps(0)
    assert sorted(index for step in steps for index in step) == list(range(5))


def test_order_and_retain_examples_follow_seed_and_epoch() -> None:
    examples, params = examples_of(12, 60), BaselineParams(passages_per_step=4, retain_per_forget=1.0)
    first = Likelihood(examples, params, seed=0).steps(0)
    assert Likelihood(examples, params, seed=0).steps(0) == first
    for epoch, seed in ((1, 0), (0, 1)):
        other = Likelihood(examples, params, seed).steps(epoch)
        assert {i for step in other for i in step} != {i for step in first for i in step}
        assert [i for step in other for i in step if i < 12] != [i for step in first for i in step if i < 12]
