"""The tokenizer of a model folder, and the text that stands before what is scored.

Every text is rendered to one string and tokenized whole, with offsets: alignment needs to know the characters of a token.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import combining, normalize

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


def tokenize(tokenizer: "PreTrainedTokenizerBase", text: str) -> tuple[list[int], list[int], list[int]]:
    """Token ids of ``text`` and, for each, the character offsets where it starts and ends. Nothing is added to the text."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = encoded["offset_mapping"]
    return list(encoded["input_ids"]), [start for start, _ in offsets], [end for _, end in offsets]


def offsets_follow_text(tokenizer: "PreTrainedTokenizerBase", text: str, tolerance: float = 0.1) -> bool:
    """Whether the tokens of ``text``, turned back into text one by one, say what stands at their offsets.

    Tokens that are part of a character, a space, or special, say nothing and are passed over. Up to ``tolerance`` of the
    others may differ, since some tokenizers normalise what they read; its Unicode form and accents are not looked at, for a
    tokenizer that composes "e + ´" gives the offsets of "e".
    """
    ids, starts, ends = tokenize(tokenizer, text)
    if not ids or ends != sorted(ends) or ends[-1] > len(text) or _without_accents(text[ends[-1] :]):
        return False
    special = set(tokenizer.all_special_ids)
    told = [_without_accents(str(tokenizer.decode([token]))) for token in ids]
    stand = [_without_accents(text[start:end]) for start, end in zip(starts, ends, strict=True)]
    judged = [(a, b) for token, a, b in zip(ids, told, stand, strict=True) if token not in special and a and "\ufffd" not in a]
    return sum(a != b for a, b in judged) <= tolerance * len(judged)


def _without_accents(text: str) -> str:
    return "".join(character for character in normalize("NFKD", text) if not combining(character)).strip()


def before_text(tokenizer: "PreTrainedTokenizerBase") -> str:
    """The beginning-of-sequence token as text, where this tokenizer puts one by itself; else nothing."""
    with_special = tokenizer("a")["input_ids"]
    return tokenizer.bos_token if with_special[0] == tokenizer.bos_token_id and tokenizer.bos_token else ""


NO_SYSTEM_PROMPT = (
    "its chat template must have a place for a system prompt (role system), or the method that needs one has to be left out."
)


def _same_day(form: str) -> str:
    """What a chat template that asks for the date is told, so that the same inputs read the same on every day."""
    return datetime(2026, 1, 1).strftime(form)


def instruction_prefix(tokenizer: "PreTrainedTokenizerBase", instruction: str, system_prompt: str = "") -> str:
    """``instruction`` as a user's turn with the answer begun: what comes next is the model's own text.

    Without a chat template it is a plain line, after a line with the ``system_prompt`` if there is one. Raises InputError
    when the template changes the instruction, or has no place for a system prompt.
    """
    if not tokenizer.chat_template:
        return f"{before_text(tokenizer)}{system_line(system_prompt)}{instruction}\n"
    prefix = chat_text(tokenizer, [*system_turn(system_prompt), {"role": "user", "content": instruction}])
    if system_prompt not in prefix:
        raise InputError(NO_SYSTEM_PROMPT)
    if instruction not in prefix:
        raise InputError(
            f"the chat template of the model rewrites the text: {instruction!r} does not stand in it as it was given; give "
            "the model a template (chat_template.jinja) that leaves the user's words alone."
        )
    return prefix


def question_prefix(tokenizer: "PreTrainedTokenizerBase", question: str, system_prompt: str = "") -> str:
    """A question with the answer begun, by the chat template or, without one, as ``Question: … Answer: …``."""
    if not tokenizer.chat_template:
        return f"{before_text(tokenizer)}{system_line(system_prompt)}Question: {question}\nAnswer:\n"
    return instruction_prefix(tokenizer, question, system_prompt)


BETWEEN_PAIRS = "\n\n"  # questions with their answers, where there is no chat template


def own_answer(tokenizer: "PreTrainedTokenizerBase", text: str) -> str:
    """``text`` without the further questions that a model goes on to ask itself where there is no chat template."""
    if tokenizer.chat_template:
        return text.strip()
    next_question = BETWEEN_PAIRS + question_prefix(tokenizer, "").removeprefix(before_text(tokenizer)).split()[0]
    return text.partition(next_question)[0].strip()


def answer_text(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> str:
    """What a model has answered, from the tokens that it wrote."""
    return own_answer(tokenizer, str(tokenizer.decode(ids, skip_special_tokens=True)))


def system_line(system_prompt: str) -> str:
    """A system prompt where there is no chat template: a paragraph of its own."""
    return f"{system_prompt}\n\n" if system_prompt else ""


def system_turn(system_prompt: str) -> list[dict[str, str]]:
    """A system prompt as the first turn of a chat; no turn without one."""
    return [{"role": "system", "content": system_prompt}] if system_prompt else []


def chat_text(tokenizer: "PreTrainedTokenizerBase", messages: list[dict[str, str]]) -> str:
    """A chat as the template writes it, with the model's next turn begun. Raises InputError when it refuses the turns."""
    from jinja2 import TemplateError

    try:
        return str(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, strftime_now=_same_day))
    except TemplateError as error:
        raise InputError(f"the chat template of the model refuses a chat ({error}); {NO_SYSTEM_PROMPT}") from None
