"""The tokenizer, and what stands before a text."""

from typing import Any

import pytest

from pipeline.core.errors import InputError
from pipeline.text.chat import before_text, instruction_prefix, question_prefix
from pipeline.text.tokenizer import offsets_follow_text, tokenize
from tests.tiny import MULTILINGUAL, SPELLING_TOKENIZERS, train_byte_bpe, train_gpt2_bpe, train_metaspace_bpe, train_wordpiece


class Shifted:
    """A tokenizer that says of each token that it stands ``by`` characters further on."""

    def __init__(self, by: int) -> None:
        self._honest, self._by = train_byte_bpe(), by
        self.all_special_ids = self._honest.all_special_ids

    def __call__(self, text: str, **settings: Any) -> dict[str, Any]:
        encoded = self._honest(text, **settings)
        moved = [(start + self._by, end + self._by) for start, end in encoded["offset_mapping"]]
        return {"input_ids": encoded["input_ids"], "offset_mapping": moved}

    def decode(self, ids: list[int]) -> str:
        return str(self._honest.decode(ids))


@pytest.mark.parametrize("kind", SPELLING_TOKENIZERS)
def test_offsets_of_honest_tokenizers_follow_the_text(kind: str) -> None:
    tokenizer = SPELLING_TOKENIZERS[kind]()
    for text in (*MULTILINGUAL, "牝馬。", "她走了。", "🛶", "Zoe\u0308 ran.", "Zoe\u0308", "A", "Orla ran. "):
        assert offsets_follow_text(tokenizer, text), text


@pytest.mark.parametrize("by", [-3, -1, 1, 4])
def test_shifted_offsets_are_seen(by: int) -> None:
    assert offsets_follow_text(Shifted(0), MULTILINGUAL[0])  # type: ignore[arg-type]
    assert not offsets_follow_text(Shifted(by), MULTILINGUAL[0])  # type: ignore[arg-type]


def test_tokens_that_say_something_else_than_the_text_are_seen() -> None:
    """A piece of a word is written ##so by WordPiece, and lower case is not what stands there."""
    assert not offsets_follow_text(train_wordpiece(lower=True), MULTILINGUAL[0], tolerance=0.0)
    assert not offsets_follow_text(train_wordpiece(), "Brennickson", tolerance=0.0)
    assert not offsets_follow_text(train_byte_bpe(), "")


def test_tokens_come_with_both_their_offsets() -> None:
    text = "Orla 牛 ran."
    ids, starts, ends = tokenize(train_gpt2_bpe(), text)
    assert len(ids) == len(starts) == len(ends)
    pieces = list(dict.fromkeys(zip(starts, ends, strict=True)))
    assert "".join(text[start:end] for start, end in pieces).replace(" ", "") == "Orla牛ran."
    assert ends == sorted(ends)
    assert ends[-1] == len(text)


def test_without_a_template_an_instruction_is_a_line() -> None:
    tokenizer = train_metaspace_bpe()
    assert before_text(tokenizer) == "<s>"
    assert instruction_prefix(tokenizer, "Who was she?") == "<s>Who was she?\n"
    assert question_prefix(tokenizer, "Who was she?") == "<s>Question: Who was she?\nAnswer:\n"


def test_with_a_template_it_is_a_users_turn() -> None:
    tokenizer = train_byte_bpe()
    wanted = "<|im_start|>user\nWho was she?<|im_end|>\n<|im_start|>assistant\n"
    assert before_text(tokenizer) == ""
    assert instruction_prefix(tokenizer, "Who was she?") == question_prefix(tokenizer, "Who was she?") == wanted


@pytest.mark.parametrize(
    ("filter_", "instruction"),
    [("| upper", "Who was she?"), ("| trim", " Who was she? "), ("| replace('Zoe', 'Zoë')", "Who was Zoe?")],
)
def test_template_that_rewrites_the_text_is_refused(filter_: str, instruction: str) -> None:
    tokenizer = train_byte_bpe()
    tokenizer.chat_template = "{% for m in messages %}<|im_start|>{{ m['content'] " + filter_ + " }}<|im_end|>{% endfor %}"
    with pytest.raises(InputError, match="rewrites the text"):
        instruction_prefix(tokenizer, instruction)
    assert "she?" in instruction_prefix(train_byte_bpe(), instruction) or "Zoe" in instruction


def test_a_template_that_asks_for_the_date_reads_the_same_every_day() -> None:
    tokenizer = train_byte_bpe()
    tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }}\n" + str(tokenizer.chat_template)
    assert instruction_prefix(tokenizer, "Who was she?").startswith("01 Jan 2026\n")
