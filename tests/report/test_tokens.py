"""Tokens as a person reads them: characters that are whole, characters of several tokens, and columns."""

from ast import literal_eval

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.tokens import columns, readable, right, spelled
from tests.tiny import train_byte_bpe, train_gpt2_bpe, train_metaspace_bpe, train_unigram_bytes

TOKENIZERS = [train_byte_bpe(), train_gpt2_bpe(), train_metaspace_bpe(), train_unigram_bytes()]


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=["byte", "gpt2", "metaspace", "unigram"])
def test_a_character_of_several_tokens_is_shown_whole_at_each(tokenizer: object) -> None:
    ids = tokenizer("The 鹂 sang.", add_special_tokens=False)["input_ids"]  # type: ignore[operator]
    shown = spelled(tokenizer, ids)  # type: ignore[arg-type]
    assert len(shown) == len(ids)
    parts = [text for text in shown if "鹂" in text]
    assert parts == [f"{text.split()[0]} {part}/{len(parts)}" for part, text in enumerate(parts, 1)] and len(parts) >= 3
    assert not any("\ufffd" in text for text in shown)


@given(st.text(max_size=20), st.sampled_from(TOKENIZERS[:2]))
def test_nothing_of_a_text_is_lost(text: str, tokenizer: object) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]  # type: ignore[operator]
    shown = spelled(tokenizer, ids)  # type: ignore[arg-type]
    assert len(shown) == len(ids)
    ends = [one.rpartition(" 1/")[0] or one for one in shown]
    whole = [literal_eval(one) for one in ends if one[-1] == one[0]]
    assert "".join(whole) == tokenizer.decode(ids)  # type: ignore[attr-defined]


def test_a_part_of_a_character_by_itself_is_its_bytes() -> None:
    for tokenizer, count in ((TOKENIZERS[0], 3), (TOKENIZERS[2], 3)):
        ids = tokenizer("鹂", add_special_tokens=False)["input_ids"][-count:]
        assert [readable(tokenizer, one) for one in ids] == ["E9 ⋯", "B9 ⋯", "82 ⋯"]


def test_columns_are_those_of_a_terminal() -> None:
    assert [columns(text) for text in ("abc", "诗人", "e\u0301", "，")] == [3, 4, 1, 2]
    assert columns(right("'诗'", 14)) == columns(right("'a'", 14)) == 14
    assert right("long", 2) == "long"
