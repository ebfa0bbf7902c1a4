"""Boundaries that all renderings of a passage share."""

from collections import Counter
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.teacher.alignment import align, boundaries, literal_tokens
from pipeline.teacher.rendering import Rendering, prompt_prefix, render
from pipeline.text.segments import Segment, split_mentions
from pipeline.text.tokenizer import tokenize
from tests.project import DOCUMENT
from tests.teacher.texts import Case, cases, joined
from tests.tiny import MULTILINGUAL, SPELLING_TOKENIZERS, train_metaspace_bpe, train_unigram, train_wordpiece

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZERS = {
    **SPELLING_TOKENIZERS,
    "metaspace, multilingual": lambda: train_metaspace_bpe(MULTILINGUAL, 900),
    "unigram, multilingual": lambda: train_unigram(MULTILINGUAL, 500),
    "wordpiece": train_wordpiece,
    "wordpiece, lower": lambda: train_wordpiece(lower=True),
}
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


WORDS = [" ", "\n", "\n\n", "'s", "’s ", " was born in ", "Skell, where ", " é", "牛", "🙂", "e\u0301", "  ", "1871.", "The "]
LITERALS = st.lists(st.sampled_from(WORDS) | st.text(min_size=1, max_size=2), min_size=1, max_size=4).map("".join)
PARTS = st.builds(Segment, LITERALS, st.just(False)) | st.builds(Segment, st.sampled_from(FORMS), st.just(True))
PASSAGES = st.lists(PARTS, min_size=1, max_size=7).map(joined)


def rest_of_character(rendering: Rendering, position: int) -> list[int]:
    """Tokens after ``position`` that finish the character it ends in."""
    end, after = rendering.token_ends[position], slice(position + 1, None)
    tokens = zip(rendering.input_ids[after], rendering.token_starts[after], rendering.token_ends[after], strict=True)
    return [token for token, start, stop in tokens if start < stop == end]


def check_shared(renderings: list[Rendering], segments: list[Segment]) -> int:
    """Assert what a trained boundary promises, under every name; returns how many there are."""
    alignment = align(renderings, segments)
    assert alignment.positions.shape == (len(renderings), len(alignment.boundaries))
    assert (alignment.positions[:, 1:] > alignment.positions[:, :-1]).all()
    for column, (_, _, left) in enumerate(alignment.boundaries):
        after = set()
        for row, rendering in enumerate(renderings):
            position = int(alignment.positions[row, column])
            assert 0 <= position < len(rendering.input_ids) - 1
            place, next_end = rendering.token_ends[position], rendering.token_ends[position + 1]
            assert rendering.segment_starts[0] <= place
            assert place < next_end or left
            assert list(left) == rendering.input_ids[position + 1 :][: len(left)] == rest_of_character(rendering, position)
            mentions = spans(rendering, segments)
            assert not any(start < place < end or (left and start < place <= end) for start, end in mentions)
            begins = any(place <= start < next_end for start, _ in mentions)
            assert bool(alignment.begins_mention[row, column]) == begins
            ranges = zip(rendering.segment_starts, rendering.segment_starts[1:], segments, strict=False)
            (predicted,) = (segment for start, end, segment in ranges if start < next_end <= end)
            assert predicted.trained
            after.add((literal_after(rendering, segments, place), left))
        assert len(after) == 1
    return len(alignment.boundaries)


FAMILIES = (
    "gpt2",
    "llama3",
    "qwen",
    "metaspace, multilingual",
    "unigram, multilingual",
    "unigram, bytes",
    "wordpiece",
    "wordpiece, lower",
)
TEXTS = 1000
LEAST_SHARED = 0.95


def features(segments: list[Segment]) -> set[str]:
    """Which of the hard cases a passage holds."""
    found = {"mention first" if segments[0].mention else "", "mention last" if segments[-1].mention else ""}
    for one, other in pairwise(segments):
        found |= {"mentions side by side"} if one.mention and other.mention else set()
        found |= {"newline before a mention"} if one.text.endswith("\n") and other.mention else set()
        found |= {"mention between letters"} if one.mention and other.text[0].isalpha() else set()
        found |= {"untrained"} if not other.trained else set()
    return found - {""}


@cache
def generated() -> list[Case]:
    """The same texts for every family: to draw them takes longer than to check them."""
    drawn: list[Case] = []

    @settings(max_examples=TEXTS, derandomize=True, database=None)
    @given(cases())
    def draw(case: Case) -> None:
        drawn.append(case)

    draw()
    return drawn


@pytest.mark.parametrize("kind", FAMILIES)
def test_generated_texts(kind: str) -> None:
    """The promises hold on a thousand texts in six languages, and nearly all of a family's literal boundaries are shared."""
    tokenizer, counts, seen = tokenizer_of(kind), {"texts": 0, "own": 0, "shared": 0}, Counter[str]()
    for case in generated():
        renderings = [render(tokenizer, case.segments, names, "") for names in ({}, *case.replacements)]
        counts["texts"] += 1
        counts["own"] += len(boundaries(renderings[0], case.segments))
        counts["shared"] += check_shared(renderings, case.segments)
        seen.update(features(case.segments))
    print(f"{kind}: {counts['texts']} texts, {counts['shared'] / counts['own']:.1%} of {counts['own']} boundaries shared")
    assert counts["texts"] >= TEXTS
    assert counts["own"] > 10 * TEXTS
    assert counts["shared"] >= LEAST_SHARED * counts["own"]
    assert len(seen) == 6
    assert min(seen.values()) > TEXTS / 50


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=100)
@given(segments=PASSAGES, prompt=st.sampled_from(["", PROMPT]))
def test_shared_boundaries_mean_the_same_place(kind: str, segments: list[Segment], prompt: str) -> None:
    check_shared(render_all(kind, segments, prompt), segments)


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=50)
@given(segments=PASSAGES, prompt=st.sampled_from(["", PROMPT]))
def test_every_shared_place_is_found_once_and_in_order(kind: str, segments: list[Segment], prompt: str) -> None:
    renderings = render_all(kind, segments, prompt)
    positions = align(renderings, segments).positions

    def places(rendering: Rendering) -> set[tuple[int, str, tuple[int, ...]]]:
        """Every place where one token, and each character begun, ends, known by what follows it."""
        mentions, found = spans(rendering, segments), set()
        for position, end in enumerate(rendering.token_ends[:-1]):
            left = rest_of_character(rendering, position)
            after = position + 1 + len(left)
            starts, stops = rendering.token_starts[after:], rendering.token_ends[after:]
            in_mention = any(a < end < b or (left and a < end <= b) for a, b in mentions)
            in_prefix = end < rendering.segment_starts[0] + bool(left)
            splits_nothing = (starts[0] >= end and stops[0] > end) if starts else bool(left) and end == len(rendering.text)
            if splits_nothing and not in_mention and not in_prefix:
                found.add((*literal_after(rendering, segments, end), tuple(left)))
        return found

    shared = places(renderings[0]).intersection(*map(places, renderings[1:]))
    assert positions.shape[1] == len(shared)


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


@pytest.mark.parametrize("kind", ["byte", "metaspace", "gpt2", "llama3", "qwen"])
@pytest.mark.parametrize("character", ["牝", "🛶", "ǽ"])
def test_character_of_several_tokens_has_a_boundary_after_each(kind: str, character: str) -> None:
    tokenizer = tokenizer_of(kind)
    rendering = render(tokenizer, [Segment(f"x{character}{character}y", False)], {}, "")
    pieces = len(tokenize(tokenizer, f"x{character}")[0]) - len(tokenize(tokenizer, "x")[0])
    assert pieces > 1
    assert len(rendering.input_ids) == len(tokenize(tokenizer, "x")[0]) + 2 * pieces + 1
    found = boundaries(rendering, [Segment(rendering.text, False)])
    assert sorted(found.values()) == list(range(len(rendering.input_ids) - 1))
    for (segment, offset, left), position in found.items():
        assert segment == 0
        assert offset == rendering.token_ends[position]
        assert list(left) == rest_of_character(rendering, position)
    one = list(range(pieces - 1, -1, -1))
    assert [len(left) for _, _, left in found][-2 * pieces - 1 :] == [0, *one, *one]


def test_boundary_inside_a_character_is_shared_only_where_the_rest_of_it_is() -> None:
    """Token "x" + first byte and token of the rest; under another name the character's first byte ends a token of its own."""
    segments = [Segment("A", True), Segment("é", False), Segment("B", True)]
    one = Rendering("AéB", (0, 1, 2, 3), [10, 5, 6, 11], [0, 1, 1, 2], [1, 2, 2, 3])
    same = Rendering("CCéB", (0, 2, 3, 4), [12, 5, 6, 11], [0, 2, 2, 3], [2, 3, 3, 4])
    other = Rendering("DéB", (0, 1, 2, 3), [13, 7, 8, 11], [0, 1, 1, 2], [1, 2, 2, 3])
    assert [b for b in align([one, same], segments).boundaries if b[2]] == [(1, 1, (6,))]
    assert [b for b in align([one, other], segments).boundaries if b[2]] == []
    assert len(align([one, other], segments).boundaries) == 2


def test_last_character_of_several_tokens_is_finished() -> None:
    """No token follows the last one, but the pieces of the last character follow each other."""
    rendering = render(tokenizer_of("byte"), [Segment("x牛", False)], {}, "")
    found = boundaries(rendering, [Segment("x牛", False)])
    assert sorted(found.values()) == [0, 1, 2]


def test_untrained_segment_is_not_predicted_but_read() -> None:
    segments = [Segment("Orla", True), Segment(" (", False), Segment("[ˈɔrlə]", False, trained=False), Segment(") ran.", False)]
    rendering = render(tokenizer_of("byte"), segments, {}, "")
    found = boundaries(rendering, segments)
    low, high = rendering.segment_starts[2], rendering.segment_starts[3]
    predicted = [rendering.token_ends[position + 1] for position in found.values()]
    assert predicted
    assert not any(low < end <= high for end in predicted)
    assert max(predicted) == len(rendering.text)
    assert any(low < rendering.token_ends[position] for position in found.values())


def test_literal_tokens_are_those_outside_prefix_and_mentions() -> None:
    segments = split_mentions("Orla Brennick's book, by Brennick.", FORMS)
    tokenizer = tokenizer_of("byte")
    rendering = render(tokenizer, segments, {}, prompt_prefix(tokenizer, PROMPT, "Orla Brennick"))
    literal = literal_tokens(rendering, segments)
    assert literal.shape == (len(rendering.input_ids),)
    assert not literal[: rendering.prefix_length].any()
    text = "".join(
        rendering.text[max(start, rendering.segment_starts[0]) : end]
        for start, end, chosen in zip(rendering.token_starts, rendering.token_ends, literal, strict=True)
        if chosen
    )
    assert text == "'s book, by."


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
