"""What stands before a text that is scored or written: a chat's turns by the model's template, or plain lines without one."""

from datetime import datetime

from pipeline.core.errors import InputError
from pipeline.text.tokenizer import Tokenizer, tokenize

BETWEEN_PAIRS = "\n\n"  # questions with their answers, where there is no chat template
NO_SYSTEM_PROMPT = (
    "its chat template must have a place for a system prompt (role system), or the method that needs one has to be left out."
)
_DAY = datetime(2026, 1, 1)  # for a template that asks for the date, so that the same inputs read the same on every day


def before_text(tokenizer: Tokenizer) -> str:
    """The beginning-of-sequence token as text, where this tokenizer puts one by itself; else nothing."""
    with_special = tokenizer("a")["input_ids"]
    return tokenizer.bos_token if with_special[0] == tokenizer.bos_token_id and tokenizer.bos_token else ""


def system_line(system_prompt: str) -> str:
    """A system prompt where there is no chat template: a paragraph of its own."""
    return f"{system_prompt}\n\n" if system_prompt else ""


def chat_text(tokenizer: Tokenizer, messages: list[dict[str, str]]) -> str:
    """A chat as the template writes it, with the model's next turn begun. Raises InputError when the template raises."""
    try:
        return str(
            tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, strftime_now=_DAY.strftime)
        )
    except Exception as error:  # a template is a program of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        has_system = any(message["role"] == "system" for message in messages)
        cure = NO_SYSTEM_PROMPT if has_system else "give the model a chat_template.jinja that writes a user's turn."
        raise InputError(f"the chat template of the model refuses a chat ({reason}); {cure}") from None


def instruction_prefix(tokenizer: Tokenizer, instruction: str, system_prompt: str = "") -> str:
    """``instruction`` as a user's turn with the answer begun: what comes next is the model's own text.

    Without a chat template it is a plain line, after a line with the ``system_prompt`` if there is one. Raises InputError
    when the template changes the instruction, or has no place for a system prompt.
    """
    if not tokenizer.chat_template:
        return f"{before_text(tokenizer)}{system_line(system_prompt)}{instruction}\n"
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    prefix = chat_text(tokenizer, [*system, {"role": "user", "content": instruction}])
    if system_prompt not in prefix:
        raise InputError(NO_SYSTEM_PROMPT)
    if instruction not in prefix:
        raise InputError(
            f"the chat template of the model rewrites the text: {instruction!r} does not stand in it as it was given; give "
            "the model a template (chat_template.jinja) that leaves the user's words alone."
        )
    return prefix


def question_prefix(tokenizer: Tokenizer, question: str, system_prompt: str = "") -> str:
    """A question with the answer begun, by the chat template or, without one, as ``Question: … Answer: …``."""
    plain = question if tokenizer.chat_template else f"Question: {question}\nAnswer:"
    return instruction_prefix(tokenizer, plain, system_prompt)


def answer_tokens(tokenizer: Tokenizer, question: str, answer: str) -> tuple[list[int], int]:
    """Ids of the asked question with ``answer`` given, and the index of the answer's first token."""
    prefix = question_prefix(tokenizer, question)
    ids, _, ends = tokenize(tokenizer, prefix + answer)
    return ids, next(index for index, end in enumerate(ends) if end > len(prefix))


def answer_text(tokenizer: Tokenizer, ids: list[int]) -> str:
    """What a model has answered, without the questions that it goes on to ask itself where there is no chat template."""
    text = str(tokenizer.decode(ids, skip_special_tokens=True))
    if not tokenizer.chat_template:
        next_question = BETWEEN_PAIRS + question_prefix(tokenizer, "").removeprefix(before_text(tokenizer)).split()[0]
        text = text.partition(next_question)[0]
    return text.strip()
