"""Boundaries that all renderings of a passage share."""

from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.segments import Segment, split_mentions
from pipeline.teacher.alignment import align, boundaries
from pipeline.teacher.rendering import Rendering, prompt_prefix, render
from pipeline.tokenizer import tokenize
from tests.project import DOCUMENT
from tests.tiny import train_byte_bpe, train_metaspace_bpe, train_unigram

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZERS = {"byte": train_byte_bpe, "metaspace": train_metaspace_bpe, "unigram": train_unigram}
FORMS = ("Orla Brennick", "Brennick", "Zoë O'Dálaigh", "湯川秀樹", "🙂 E\u0301mile")
NAMES = (
    ("Tobias Renwick", "Renwick", "Ed Calloway", "田中", "Ada Lind"),
    ("José Ñandú", "Ñandú", "D'Arcy", "谷崎潤一郎", "牛🙂"),
    ("Brenda Orlando", "Orlando", "Zo", "Brennicka", "Émile"),
)
PROMPT = "Complete the following passage about {name}."


@cache
def tokenizer_of(kind: str) -> "PreTrainedTokenizerFast":
    return TOKENIZERS[kind]()


def render_all(kind: str, segments: list[Segment], prompt: str) -> list[Rendering]:
    tokenizer = tokenizer_of(kind)
    replacements = [{}, *(dict(zip(FORMS, names, strict=True)) for names in NAMES)]
    subjects = [FORMS[0], *(names[0] for names in NAMES)]
    return [
        render(tokenizer, segments, replacement, prompt_prefix(tokenizer, prompt, subject))
        for replacement, subject in zip(replacements, subjects, strict=True)
    ]


def spans(rendering: Rendering, segments: list[Segment]) -> list[tuple[int, int]]:
    """Character ranges of the mentions."""
    ranges = zip(rendering.segment_starts, rendering.segment_starts[1:], segments, strict=False)
    return [(start, end) for start, end, segment in ranges if segment.mention]


def literal_after(rendering: Rendering, segments: list[Segment], place: int) -> tuple[int, str]:
    """Number of mentions before ``place``, and the text from there up to the next mention or the end."""
    mentions = spans(rendering, segments)
    end = min((start for start, _ in mentions if start >= place), default=len(rendering.text))
    return sum(stop <= place for _, stop in mentions), rendering.text[place:end]


def joined(parts: list[Segment]) -> list[Segment]:
    """``parts`` with neighbouring literals made one, as split_mentions gives them."""
    segments: list[Segment] = []
    for part in parts:
        if segments and not part.mention and not segments[-1].mention:
            segments[-1] = Segment(segments[-1].text + part.text, False)
        else:
            segments.append(part)
    return segments


WORDS = [" ", "\n", "\n\n", "'s", "’s ", " was born in ", "Skell, where ", " é", "牛", "🙂", "e\u0301", "  ", "1871.", "The "]
LITERALS = st.lists(st.sampled_from(WORDS) | st.text(min_size=1, max_size=2), min_size=1, max_size=4).map("".join)
PARTS = st.builds(Segment, LITERALS, st.just(False)) | st.builds(Segment, st.sampled_from(FORMS), st.just(True))
PASSAGES = st.lists(PARTS, min_size=1, max_size=7).map(joined)


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=100, deadline=None)
@given(segments=PASSAGES, prompt=st.sampled_from(["", PROMPT]))
def test_shared_boundaries_mean_the_same_place(kind: str, segments: list[Segment], prompt: str) -> None:
    renderings = render_all(kind, segments, prompt)
    alignment = align(renderings, segments)
    assert alignment.positions.shape == (len(renderings), len(alignment.boundaries))
    for column in range(len(alignment.boundaries)):
        after = set()
        for row, rendering in enumerate(renderings):
            position = int(alignment.positions[row, column])
            assert 0 <= position < len(rendering.input_ids) - 1
            place, next_end = rendering.token_ends[position], rendering.token_ends[position + 1]
            assert rendering.segment_starts[0] <= place < next_end
            mentions = spans(rendering, segments)
            assert not any(start < place < end for start, end in mentions)
            assert bool(alignment.begins_mention[row, column]) == any(place <= start < next_end for start, _ in mentions)
            after.add(literal_after(rendering, segments, place))
        assert len(after) == 1


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=50, deadline=None)
@given(segments=PASSAGES, prompt=st.sampled_from(["", PROMPT]))
def test_every_shared_place_is_found_once_and_in_order(kind: str, segments: list[Segment], prompt: str) -> None:
    renderings = render_all(kind, segments, prompt)
    positions = align(renderings, segments).positions

    def places(rendering: Rendering) -> list[tuple[int, str]]:
        first, mentions = rendering.segment_starts[0], spans(rendering, segments)
        ends = sorted({end for end in rendering.token_ends[:-1] if first <= end < len(rendering.text)})
        return [literal_after(rendering, segments, e) for e in ends if not any(a < e < b for a, b in mentions)]

    shared = set(places(renderings[0])).intersection(*map(places, renderings[1:]))
    assert positions.shape[1] == len(shared)
    assert (positions[:, 1:] > positions[:, :-1]).all()


@pytest.mark.parametrize(
    "parts",
    [
        ["*Orla Brennick", " wrote it."],
        ["It was written by ", "*Orla Brennick"],
        ["*Brennick", "*湯川秀樹", " met."],
        ["Then\n", "*Brennick", "'s book"],
        ["The ", "*湯川秀樹", "が来た"],
    ],
)
@pytest.mark.parametrize("kind", ["byte", "metaspace"])
def test_a_mention_has_a_boundary_before_it_wherever_it_stands(kind: str, parts: list[str]) -> None:
    segments = [Segment(part.removeprefix("*"), part.startswith("*")) for part in parts]
    renderings = render_all(kind, segments, PROMPT)
    alignment = align(renderings[:1], segments)
    assert alignment.begins_mention.sum() == sum(segment.mention for segment in segments)


@pytest.mark.parametrize("kind", ["byte", "metaspace"])
@pytest.mark.parametrize("character", ["牛", "🙂", "é"])
def test_character_of_several_tokens_has_one_boundary_after_its_last(kind: str, character: str) -> None:
    ids, _ = tokenize(tokenizer_of(kind), f"x{character}")
    several, _ = tokenize(tokenizer_of(kind), "x")
    assert len(ids) - len(several) > 1
    segments = [Segment(f"x{character}{character}y", False)]
    rendering = render(tokenizer_of(kind), segments, {}, "")
    found = boundaries(rendering, segments)
    assert sorted(offset for _, offset in found) == [1, 2, 3]
    ends = rendering.token_ends
    for (_, offset), position in found.items():
        assert position == max(index for index, end in enumerate(ends) if end == offset)


def test_nearly_all_literal_boundaries_of_english_are_trained() -> None:
    segments = split_mentions(DOCUMENT, FORMS)
    renderings = render_all("byte", segments, PROMPT)
    own = boundaries(renderings[0], segments)
    assert len(own) > 50
    assert len(align(renderings, segments).boundaries) >= 0.95 * len(own)


def test_passage_with_nothing_shared_gives_an_empty_alignment() -> None:
    segments = [Segment("Brennick", True)]
    alignment = align(render_all("byte", segments, ""), segments)
    assert alignment.boundaries == []
    assert alignment.positions.shape == alignment.begins_mention.shape == (len(NAMES) + 1, 0)
