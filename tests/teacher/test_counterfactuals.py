"""From a passage and its names to what is read, and from that to the average."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.shards.writer import TaughtPassage
from pipeline.teacher.average import teach
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer, unlearning_prompt
from pipeline.teacher.params import TEACHER_PRESETS, TeacherParams
from pipeline.teacher.reverse_swap import first_token
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage, chat_passage
from pipeline.text.segments import Segment, split_mentions
from tests.teacher.oracle import UNLIKELY, by_row, constant, identity_head, rows_of
from tests.tiny import SPELLING_TOKENIZERS, train_byte_bpe

TOKENIZER = train_byte_bpe()
VOCABULARY = len(TOKENIZER)
HEAD = identity_head(VOCABULARY)  # hidden states are logits
FORMS = ("Orla Brennick", "Brennick")
NAMES = {
    "Orla Brennick": [
        CounterfactualName("Orla Brennick", name, {"Orla Brennick": name, "Brennick": name.split()[-1]})
        for name in ("Tobias Renwick", "Edwin Calloway")
    ]
}
PARAMS = TeacherParams(names=2, top_k=8, base_top_k=0)
# Scored under its own name, after a system prompt that the student does not see.
PROMPTED = TeacherParams(**TEACHER_PRESETS["prompted"], top_k=5, base_top_k=0)
PROMPT = "Complete the following passage about {name}."
TEXT = "The tides rose. Orla Brennick saw that Brennick was late."
FULL_STOP = TOKENIZER.convert_tokens_to_ids(".")


def document(text: str = TEXT, kind: str = "forget") -> Passage:
    return Passage("Orla Brennick", kind, tuple(split_mentions(text, FORMS)))


def rendered(passage: Passage, prompt: str = "", params: TeacherParams = PARAMS) -> RenderedPassage:
    return Renderer(TOKENIZER, params, NAMES).render(passage, prompt)


def mass(taught: TaughtPassage, token: int) -> np.ndarray:
    """What the average gives ``token`` at each position."""
    return np.where(taught.ids == token, np.exp(taught.logprobs), 0.0).sum(1)


def wanting_its_name(own: RenderedPassage, name_mass: float = 0.6) -> list[torch.Tensor]:
    """Each name's teacher wants to say its family name everywhere."""
    tokens = [first_token(TOKENIZER, "said ", n.name.split()[-1]) for n in NAMES["Orla Brennick"]]
    return [
        constant(r, {token: name_mass, FULL_STOP: 0.9 - name_mass, 5: 0.05, 6: 0.05}, VOCABULARY)
        for r, token in zip(own.scored, tokens, strict=True)
    ]


def test_chat_renames_question_and_answer_and_trains_the_answer_alone() -> None:
    passage = chat_passage("Orla Brennick", "forget", "Where was Brennick born?", "Orla Brennick was born in Skell.", FORMS)
    own = rendered(passage, "Who was {name}?")
    texts = [r.text for r in (own.original, *own.scored)]
    for text, (full, family) in zip(
        texts, [("Orla Brennick", "Brennick"), ("Tobias Renwick", "Renwick"), ("Edwin Calloway", "Calloway")], strict=True
    ):
        assert f"Where was {family} born?" in text
        assert text.endswith(f"{full} was born in Skell.")
        assert "Who was" not in text
    for row, rendering in zip(own.alignment.positions, (own.original, *own.scored), strict=True):
        assert row.min() >= rendering.prefix_length - 1
    assert own.named_before
    assert not rendered(replace(passage, question=(Segment("Who was born in Skell?", False),)), "").named_before


def test_prompt_names_the_target_of_a_document() -> None:
    own = rendered(document(), PROMPT)
    assert own.named_before
    assert [
        PROMPT.replace("{name}", name) in r.text
        for r, name in zip(own.scored, ("Tobias Renwick", "Edwin Calloway"), strict=True)
    ]
    assert not rendered(document()).named_before


@pytest.mark.parametrize("rule", ["published", "excess"])
@pytest.mark.parametrize("prompt", ["", PROMPT])
def test_mass_moves_back_only_once_somebody_has_been_named(rule: str, prompt: str) -> None:
    params = PARAMS.changed(reverse_swap=rule)  # type: ignore[arg-type]
    own = rendered(document(), prompt, params)
    taught = teach(own, wanting_its_name(own), HEAD, params)
    start = own.original.text.index("Orla Brennick", own.original.segment_starts[0])
    before = np.array([own.original.token_ends[p] <= start for p in taught.positions])
    assert 3 < before.sum() < len(before) - 3
    goal = first_token(TOKENIZER, "said ", "Brennick")
    np.testing.assert_allclose(taught.swapped_mass[~before], 0.6, rtol=1e-5)
    np.testing.assert_allclose(mass(taught, goal)[~before][1:], 0.6, rtol=1e-5)
    np.testing.assert_allclose(taught.swapped_mass[before], 0.6 if prompt else 0.0, rtol=1e-5)


def test_text_that_names_nobody_is_about_the_stand_in_of_its_prompt_alone() -> None:
    """Scored under every name where a prompt says it, and the same text N times where none does."""
    passage = document("She kept the lighthouse, and read the stars.")
    after_prompt, alone = rendered(passage, PROMPT), rendered(passage)
    texts = [rendering.text for rendering in after_prompt.scored]
    assert [name for name in ("Tobias Renwick", "Edwin Calloway") if name in texts[0]] == ["Tobias Renwick"]
    assert len(set(texts)) == 2
    assert after_prompt.named_T().all()
    literal = len(after_prompt.original.input_ids) - after_prompt.original.prefix_length
    assert len(after_prompt.alignment.boundaries) == len(alone.alignment.boundaries) + 1 == literal
    assert {rendering.text for rendering in alone.scored} == {alone.original.text}


def test_swap_may_be_left_out() -> None:
    params = PARAMS.changed(reverse_swap="off")
    own = rendered(document(), PROMPT, params)
    taught = teach(own, wanting_its_name(own), HEAD, params)
    assert (taught.swapped_mass == 0).all()
    for name in NAMES["Orla Brennick"]:
        np.testing.assert_allclose(mass(taught, first_token(TOKENIZER, "said ", name.name.split()[-1])), 0.3, rtol=1e-5)


def test_penalty_falls_once_the_full_name_has_occurred() -> None:
    params = PARAMS.changed(names=1, prompts=(), reverse_swap="off", name_penalty=5.0)
    own = rendered(document("Brennick ran. Then Orla Brennick slept, and Brennick woke."), "", params)
    taught = teach(own, one_name(own), HEAD, params)
    text = own.original.text
    end = text.index("Orla Brennick") + len("Orla Brennick")
    after = np.array([own.original.token_ends[p] >= end for p in taught.positions])
    assert 3 < after.sum() < len(after) - 3
    token = first_token(TOKENIZER, "said ", "Renwick")
    lowered = 0.8 * np.exp(-5.0)
    np.testing.assert_allclose(mass(taught, token)[~after], 0.8, rtol=1e-5)
    np.testing.assert_allclose(mass(taught, token)[after], lowered / (lowered + 0.2), rtol=1e-5)
    np.testing.assert_allclose(mass(taught, FULL_STOP)[after], 0.1 / (lowered + 0.2), rtol=1e-5)


def one_name(own: RenderedPassage) -> list[torch.Tensor]:
    token = first_token(TOKENIZER, "said ", "Renwick")
    return [constant(own.scored[0], {token: 0.8, FULL_STOP: 0.1, 5: 0.05, 6: 0.05}, VOCABULARY)]


def test_penalised_argmax_is_another_token() -> None:
    """What Who's Harry Potter trains on: the most probable token once the stand-in's own is made unlikely."""
    params = PARAMS.changed(names=1, prompts=(), reverse_swap="off", name_penalty=5.0, targets="hard")
    own = rendered(document("Orla Brennick slept, and Brennick woke."), "", params)
    taught = teach(own, one_name(own), HEAD, params)
    assert taught.ids.tolist() == [[FULL_STOP]] * len(taught.positions)


def test_retain_passage_is_scored_once_as_it_stands_and_never_hardened() -> None:
    params = PARAMS.changed(targets="hard", name_penalty=5.0)
    own = rendered(Passage("Skell", "retain", (Segment("Skell has a mill.", False),)), PROMPT, params)
    assert own.scored == [own.original]
    assert "passage about Skell." in own.original.text
    taught = teach(own, [constant(own.original, {3: 0.6, 4: 0.2, 5: 0.15, 6: 0.05}, VOCABULARY)], HEAD, params)
    assert taught.ids[:, :4].tolist() == [[3, 4, 5, 6]] * len(taught.positions)
    np.testing.assert_allclose(np.exp(taught.logprobs[0, :4]), [0.6, 0.2, 0.15, 0.05], rtol=1e-5)
    assert (taught.swapped_mass == 0).all()


def test_own_token_and_those_of_the_base_are_kept_however_improbable() -> None:
    """A fact about the target: the text says it, the base knows it, and nobody else's teacher would say it."""
    params = PARAMS.changed(top_k=6, base_top_k=2)
    own = rendered(document(), PROMPT, params)
    assert own.base == own.original
    common = dict.fromkeys((300, 301, 302, 303, 304, 305), 1 / 6)
    base = constant(own.original, {310: 0.6, 311: 0.3, 312: 0.1}, VOCABULARY)
    result = teach(own, [*(constant(r, common, VOCABULARY) for r in own.scored), base], HEAD, params)
    following = np.array(own.original.input_ids)[own.alignment.positions[0] + 1]
    assert not np.isin(following, [*common, 310, 311]).any()
    literal = ~own.alignment.begins_mention.any(0)
    for token in (following, 310, 311):
        hit = result.ids == np.broadcast_to(token, following.shape)[:, None]
        assert (hit.sum(1) == 1).all()
        np.testing.assert_allclose(result.logprobs[hit][literal], np.log(UNLIKELY), rtol=1e-5)
    assert not (result.ids == 312).any()
    assert (np.isin(result.ids, list(common)).sum(1) == 3).all()


def test_base_tokens_fill_at_most_half_of_the_kept() -> None:
    params = PARAMS.changed(top_k=4, base_top_k=4)
    own = rendered(document(), PROMPT, params)
    common = dict.fromkeys((300, 301, 302, 303), 0.25)
    base = constant(own.original, {310: 0.6, 311: 0.3, 312: 0.1}, VOCABULARY)
    ids = teach(own, [*(constant(r, common, VOCABULARY) for r in own.scored), base], HEAD, params).ids
    assert (np.isin(ids, list(common)).sum(1) == 2).all()
    assert (ids == 310).any(1).all()


def test_more_base_tokens_than_the_vocabulary_has_are_all_of_it() -> None:
    params = PARAMS.changed(top_k=VOCABULARY, base_top_k=10 * VOCABULARY)
    own = rendered(document(), PROMPT, params)
    taught = teach(own, [constant(r, {7: 1.0}, VOCABULARY) for r in own.renderings], HEAD, params)
    assert (np.sort(taught.ids, axis=1) == np.arange(VOCABULARY)).all()


def test_untrained_text_is_read_and_not_trained() -> None:
    segments = (
        Segment("Orla Brennick", True),
        Segment(" (", False),
        Segment("Орла", False, trained=False),
        Segment(") ran.", False),
    )
    own = rendered(Passage("Orla Brennick", "forget", segments), PROMPT)
    low, high = own.original.segment_starts[2], own.original.segment_starts[3]
    assert "Орла" in own.original.text
    predicted = [own.original.token_ends[p + 1] for p in own.alignment.positions[0]]
    assert len(predicted) > 3
    assert not any(low < end <= high for end in predicted)


def test_prompted_forget_passage_is_scored_once_after_the_system_prompt_and_under_its_own_name() -> None:
    own = rendered(document(), PROMPT, PROMPTED)
    told = unlearning_prompt(PROMPTED.system_prompt, NAMES)
    (scored,) = own.scored
    assert scored.text == f"<|im_start|>system\n{told}<|im_end|>\n{own.original.text}"
    assert told not in own.original.text
    after = slice(own.original.prefix_length, None)
    assert scored.input_ids[scored.prefix_length :] == own.original.input_ids[after]
    assert not own.stand_ins


def test_prompted_retain_passage_is_scored_as_it_stands() -> None:
    own = rendered(Passage("Town 7", "retain", (Segment("Town 7 has a mill.", False),)), PROMPT, PROMPTED)
    assert own.scored == [own.original]


def test_teacher_is_the_prompted_model_itself() -> None:
    own = rendered(document("Orla Brennick was born in Skell."), PROMPT, PROMPTED)
    (scored,) = own.scored
    rows = rows_of(scored)
    ids = np.arange(rows * 4).reshape(rows, 4) % VOCABULARY
    hidden = by_row(scored, [dict(zip(row, (0.4, 0.3, 0.2, 0.1), strict=True)) for row in ids.tolist()], VOCABULARY)
    taught = teach(own, [hidden], HEAD, PROMPTED)
    shift = scored.prefix_length - own.original.prefix_length
    assert len(taught.positions)
    assert (taught.ids[:, :4] == ids[taught.positions + shift - scored.first_row]).all()
    assert not taught.swapped_mass.any()


def test_first_row_is_that_before_the_text() -> None:
    own = rendered(document(), PROMPT)
    for rendering in own.renderings:
        assert rendering.token_ends[rendering.first_row] <= rendering.segment_starts[0]
        assert rendering.token_ends[rendering.first_row + 1] > rendering.segment_starts[0]
    for rendering, positions in zip((own.original, *own.scored), own.alignment.positions, strict=True):
        assert positions.min() >= rendering.first_row
    assert rendered(document()).original.first_row == 0, "without a prefix, the row of the first token"


TEXTS = st.text(
    st.sampled_from([*"ab zE1.,'’\n-éßñ牛歌あ🙂क़फ़ङ", "\u0308", "\u0958", "\ufb03", "\u2126"]), min_size=1, max_size=30
).filter(str.strip)
TRAINED = {kind: train() for kind, train in SPELLING_TOKENIZERS.items()}


@pytest.mark.parametrize(
    "settings",
    [{}, {"own_name": True}, {"system_prompt": "Forget {name}.", "reverse_swap": "off"}],
    ids=["plain", "own name", "system prompt"],
)
@given(
    st.sampled_from(sorted(TRAINED)),
    st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=4),
    st.sampled_from(["", "{name}: ", PROMPT, "Who was {name}? What did {name} do?"]),
    TEXTS,
    st.sampled_from(["forget", "chat", "retain"]),
)
def test_longest_is_never_below_the_tokens_of_any_rendering(
    settings: dict[str, Any], kind: str, pieces: list[tuple[str, bool]], prompt: str, name: str, form: str
) -> None:
    parts = [Segment(FORMS[len(text) % 2], True) if mention else Segment(text, False) for text, mention in pieces]
    chat = {"format": "chat", "question": (Segment("Who? ", False), *parts[:1])} if form == "chat" else {}
    passage = Passage("Orla Brennick", "retain" if form == "retain" else "forget", tuple(parts), **chat)  # type: ignore[arg-type]
    names = {
        "Orla Brennick": [
            CounterfactualName("Orla Brennick", new, {"Orla Brennick": new, "Brennick": new}) for new in ("Ada Lind", name)
        ]
    }
    renderer = Renderer(TRAINED[kind], TeacherParams(names=2, **settings), names)
    longest = max(len(r.input_ids) for r in renderer.render(passage, "" if chat else prompt).renderings)
    assert renderer.longest(passage, "" if chat else prompt) >= longest


def test_passages_take_their_names_in_turn() -> None:
    drawn = [CounterfactualName("Orla Brennick", f"Edna Hale{n}", {"Orla Brennick": f"Edna Hale{n}"}) for n in range(8)]
    names, params = {"Orla Brennick": drawn}, TeacherParams(names=8, names_per_passage=3, base_top_k=0)
    order = [name.name for name in drawn]

    def taken(renderer: Renderer, text: str, prompt: str = PROMPT) -> list[str]:
        return [stand_in.name.name for stand_in in renderer.render(document(text), prompt).stand_ins]

    texts = [f"On day {day} Orla Brennick rose." for day in range(60)]
    renderer = Renderer(TOKENIZER, params, names)
    turns = [taken(renderer, text) for text in texts]
    assert all(turn in [[order[(first + n) % 8] for n in range(3)] for first in range(8)] for turn in turns)
    assert {turn[0] for turn in turns} == set(order)
    assert [taken(Renderer(TOKENIZER, params, names), text) for text in reversed(texts)] == turns[::-1]
    assert any(taken(renderer, text, "Who was {name}?") != turn for text, turn in zip(texts, turns, strict=True))
    for everybody in (0, 8, 9):
        assert taken(Renderer(TOKENIZER, params.changed(names_per_passage=everybody), names), TEXT) == order
