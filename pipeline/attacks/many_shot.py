"""Many-shot: a long chat in which the assistant has answered every question so far, then the forget question.

Liu et al. (2024), section 4, after Anil et al. (2024): whoever has answered a hundred questions answers the next. The pairs are
about others, so nothing in the prompt says what is to be forgotten.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal

from pipeline.attacks.interface import AttackAnswer, Row, answer_to
from pipeline.attacks.params import SECTION, AttackParams
from pipeline.engines.interface import open_engine
from pipeline.errors import InputError
from pipeline.params import RuntimeParams
from pipeline.segments import mentions
from pipeline.tokenizer import BETWEEN_PAIRS, answer_text, before_text, chat_text, load_tokenizer, question_prefix, tokenize

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class ManyShot:
    """The attack. ``surface_forms`` of every target keep pairs that mention one out of the prompt."""

    engine: Literal["vllm", "transformers"]
    surface_forms: Mapping[str, Sequence[str]]
    name: ClassVar[str] = "many_shot"

    def switched_on(self, params: AttackParams) -> bool:
        """See Attack.switched_on."""
        return params.many_shot_shots > 0

    def run(
        self,
        model_folder: Path,
        questions: Sequence[Row],
        shots: Sequence[Row],
        params: AttackParams,
        runtime: RuntimeParams,
    ) -> list[AttackAnswer]:
        """See Attack.run. The same pairs, in the same order, stand before every question."""
        tokenizer = load_tokenizer(model_folder)
        forms = [form for written in self.surface_forms.values() for form in written]
        pairs = draw_shots(questions, shots, forms, params.many_shot_shots, params.seed)
        room = prompt_room(model_folder, params)
        prompts = [fitting_prompt(tokenizer, pairs, question["question"], room) for question in questions]
        longest = max(map(len, prompts)) + params.max_new_tokens
        engine = open_engine(self.engine, model_folder, runtime, longest=longest, top_k=1, shared_prefixes=True)
        answers = engine.generate(prompts, params.max_new_tokens)
        texts = [answer_text(tokenizer, ids) for ids in answers]
        return [answer_to(question, text, self.name) for question, text in zip(questions, texts, strict=True)]


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
            f"no target; add questions on other subjects, or set {SECTION}.many_shot_shots to 0."
        )
    return Random(seed).sample(fit, min(count, len(fit)))


def prompt_room(model_folder: Path, params: AttackParams) -> int | None:
    """Tokens that a prompt may take beside its answer; None where neither the model nor ``params`` set a limit."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(model_folder), trust_remote_code=False).get_text_config()
    context = getattr(config, "max_position_embeddings", None)
    limits = [context - 1] if context else []  # the engines keep one place of the context free
    if params.many_shot_max_tokens:
        limits.append(params.many_shot_max_tokens)
    return min(limits) - params.max_new_tokens if limits else None


def fitting_prompt(tokenizer: "PreTrainedTokenizerBase", pairs: Sequence[Row], question: str, room: int | None) -> list[int]:
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
            f"{SECTION}.many_shot_max_tokens or the model's context leaves {room} tokens for a prompt, but {question!r} and a "
            f"question-answer pair take {len(prompt(1))}; raise it, or set {SECTION}.many_shot_shots to 0."
        )
    return prompt(kept)


def many_shot_text(tokenizer: "PreTrainedTokenizerBase", pairs: Sequence[Row], question: str) -> str:
    """``pairs`` as turns of a chat and then ``question``, with the answer begun.

    By the chat template, with the system prompt that it may bring itself; without one, as question_prefix writes a question.
    """
    if tokenizer.chat_template:
        turns = [
            turn
            for pair in pairs
            for turn in ({"role": "user", "content": pair["question"]}, {"role": "assistant", "content": pair["answer"]})
        ]
        return chat_text(tokenizer, [*turns, {"role": "user", "content": question}])
    start = before_text(tokenizer)

    def asked(text: str) -> str:
        return question_prefix(tokenizer, text).removeprefix(start)

    return start + "".join(f"{asked(pair['question'])}{pair['answer']}{BETWEEN_PAIRS}" for pair in pairs) + asked(question)
