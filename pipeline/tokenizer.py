"""The tokenizer of a model folder, and the text that stands before what is scored.

Every text is rendered to one string and tokenized whole, with offsets: alignment needs to know the characters of a token.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a local model folder. Raises InputError unless it is fast and gives offsets."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, ImportError, KeyError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{folder}: no tokenizer could be loaded ({first_line}); add its tokenizer.json.") from None
    if not tokenizer.is_fast:
        raise InputError(
            f"{folder}: the tokenizer {type(tokenizer).__name__} gives no character offsets; "
            "save its fast version there (a tokenizer.json)."
        )
    return tokenizer


def tokenize(tokenizer: "PreTrainedTokenizerBase", text: str) -> tuple[list[int], list[int]]:
    """Token ids of ``text`` and, for each, the character offset where it ends. Nothing is added to the text."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return list(encoded["input_ids"]), [end for _, end in encoded["offset_mapping"]]


def before_text(tokenizer: "PreTrainedTokenizerBase") -> str:
    """The beginning-of-sequence token as text, where this tokenizer puts one by itself; else nothing."""
    with_special = tokenizer("a")["input_ids"]
    return tokenizer.bos_token if with_special[0] == tokenizer.bos_token_id and tokenizer.bos_token else ""


def instruction_prefix(tokenizer: "PreTrainedTokenizerBase", instruction: str) -> str:
    """``instruction`` as a user's turn with the answer begun: what comes next is the model's own text.

    Without a chat template it is a plain line.
    """
    if not tokenizer.chat_template:
        return f"{before_text(tokenizer)}{instruction}\n"
    messages = [{"role": "user", "content": instruction}]
    return str(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def question_prefix(tokenizer: "PreTrainedTokenizerBase", question: str) -> str:
    """A question with the answer begun, by the chat template or, without one, as ``Question: … Answer: …``."""
    if not tokenizer.chat_template:
        return f"{before_text(tokenizer)}Question: {question}\nAnswer: "
    return instruction_prefix(tokenizer, question)
