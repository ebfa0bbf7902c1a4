"""The tokenizer of a model folder: token ids and the characters that each token stands for.

Every text is rendered to one string and tokenized whole, with offsets: alignment needs to know the characters of a token.
"""

from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import combining, normalize

from pipeline.core.errors import InputError, first_line
from pipeline.core.outputs import check_folder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer
else:
    Tokenizer = object  # loaded when it is made: only its name is needed here


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a local model folder. Raises InputError unless it is there, fast, and gives offsets."""
    from transformers import AutoTokenizer

    check_folder(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever a foreign file makes transformers raise
        raise InputError(
            f"{folder}: no tokenizer could be loaded ({first_line(error)}); give its tokenizer.json, tokenizer_config.json and "
            "chat_template.jinja as they were saved."
        ) from None
    if not tokenizer.is_fast:
        raise InputError(
            f"{folder}: the tokenizer {type(tokenizer).__name__} gives no character offsets; "
            "save its fast version there (a tokenizer.json)."
        )
    return tokenizer


def tokenize(tokenizer: Tokenizer, text: str) -> tuple[list[int], list[int], list[int]]:
    """Token ids of ``text`` and, for each, the character offsets where it starts and ends. Nothing is added to the text."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = encoded["offset_mapping"]
    return list(encoded["input_ids"]), [start for start, _ in offsets], [end for _, end in offsets]


def offsets_follow_text(tokenizer: Tokenizer, text: str, tolerance: float = 0.1) -> bool:
    """Whether the tokens of ``text``, turned back into text one by one, say what stands at their offsets.

    Tokens that are part of a character, a space, or special, say nothing and are passed over. Up to ``tolerance`` of the
    others may differ, since some tokenizers normalise what they read; its Unicode form and accents are not looked at, for a
    tokenizer that composes "e + ´" gives the offsets of "e".
    """
    ids, starts, ends = tokenize(tokenizer, text)
    if not ids or ends != sorted(ends) or ends[-1] > len(text) or _without_accents(text[ends[-1] :]):
        return False
    special = set(tokenizer.all_special_ids)
    tokens = [_without_accents(str(tokenizer.decode([token]))) for token in ids]
    places = [_without_accents(text[start:end]) for start, end in zip(starts, ends, strict=True)]
    pairs = [(a, b) for id_, a, b in zip(ids, tokens, places, strict=True) if id_ not in special and a and "\ufffd" not in a]
    return sum(a != b for a, b in pairs) <= tolerance * len(pairs)


def _without_accents(text: str) -> str:
    return "".join(character for character in normalize("NFKD", text) if not combining(character)).strip()
