"""Many-shot: a long chat in which the assistant has answered every question so far, then the forget question.

Liu et al. (2024), section 4, after Anil et al. (2024): whoever has answered a hundred questions answers the next. The pairs are
about others, so nothing in the prompt says what is to be forgotten.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from transformers import PreTrainedTokenizerBase

from benchmarks.attacks.attack import AttackParams, Row
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.open import context_of, open_engine
from pipeline.text.chat import BETWEEN_PAIRS, answer_text, before_text, chat_text, question_prefix
from pipeline.text.segments import mentions
from pipeline.text.tokenizer import load_tokenizer, tokenize


def many_shot(
    model_folder: Path,
    questions: Sequence[Row],
    shots: Sequence[Row],
    params: AttackParams,
    runtime: RuntimeParams,
    *,
    engine: str,
    forms: Sequence[str],
) -> list[str]:
    """See Attack. The same pairs, in the same order, stand before every question; none mentions one of ``forms``."""
    if not params.many_shot_shots:
        return []
    tokenizer = load_tokenizer(model_folder)
    pairs = draw_shots(questions, shots, forms, params.many_shot_shots, params.seed)
    room = prompt_room(model_folder, params)
    prompts = [fitting_prompt(tokenizer, pairs, question["question"], room) for question in questions]
    longest = max(map(len, prompts)) + params.max_new_tokens
    opened = open_engine(engine, model_folder, runtime, longest=longest)
    return [answer_text(tokenizer, ids) for ids in opened.generate(prompts, params.max_new_tokens)]


def draw_shots(questions: Sequence[Row], shots: Sequence[Row], forms: Iterable[str], count: int, seed: int) -> list[Row]:
    """Up to ``count`` of ``shots``, drawn by ``seed``, that are no forget question and mention no target.

    ``forms`` are ways to write the targets, beside the names that ``questions`` give. Raises InputError when none is left.
    """
    written = {*forms, *(question["target"] for question in questions if question["target"])}
    attacked = {question["question"].strip().casefold() for question in questions}
    fit = [
        shot
        for shot in shots
        if shot.get("split") != "forget"
        and shot["question"].strip().casefold() not in attacked
        and not mentions(f"{shot['question']}\n{shot['answer']}", written)
    ]
    if not fit:
        raise InputError(
            "the questions: the many-shot attack finds no retain question (hard_retain, general_retain) that mentions "
            "no target; add questions on other subjects, or set attacks.many_shot_shots to 0."
        )
    return Random(seed).sample(fit, min(count, len(fit)))


def prompt_room(model_folder: Path, params: AttackParams) -> int | None:
    """Tokens that a prompt may take beside its answer; None where neither the model nor ``params`` set a limit."""
    context = context_of(model_folder)
    limits = [context - 1] if context else []  # the engines keep one place of the context free
    if params.many_shot_max_tokens:
        limits.append(params.many_shot_max_tokens)
    return min(limits) - params.max_new_tokens if limits else None


def fitting_prompt(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Row], question: str, room: int | None) -> list[int]:
    """Ids of ``question`` after as many of ``pairs`` as ``room`` tokens take; the oldest, which come first, are dropped.

    Raises InputError when not one fits.
    """

    def prompt(kept: int) -> list[int]:
        return tokenize(tokenizer, many_shot_text(tokenizer, pairs[len(pairs) - kept :], question))[0]

    if room is None:
        return prompt(len(pairs))
    kept = bisect_right(range(1, len(pairs) + 1), room, key=lambda count: len(prompt(count)))
    if not kept:
        raise InputError(
            f"attacks.many_shot_max_tokens or the model's context leaves {room} tokens for a prompt, but {question!r} and a "
            f"question-answer pair take {len(prompt(1))}; raise it, or set attacks.many_shot_shots to 0."
        )
    return prompt(kept)


def many_shot_text(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Row], question: str) -> str:
    """``pairs`` as turns of a chat and then ``question``, with the answer begun.

    By the chat template, with the system prompt that it may bring itself; without one, as question_prefix writes a question.
    """
    if tokenizer.chat_template:
        turns = [(role, pair[key]) for pair in pairs for role, key in (("user", "question"), ("assistant", "answer"))]
        return chat_text(tokenizer, [{"role": role, "content": text} for role, text in [*turns, ("user", question)]])
    start = before_text(tokenizer)

    def asked(text: str) -> str:
        return question_prefix(tokenizer, text).removeprefix(start)

    return start + "".join(f"{asked(pair['question'])}{pair['answer']}{BETWEEN_PAIRS}" for pair in pairs) + asked(question)
