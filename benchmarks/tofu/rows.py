"""The rows of the TOFU benchmark: which a model learns, which are asked, and which no model learns.

- The target model learns all rows of the forget set and ``retain_rows`` of the retain set, the retain-only model the latter
  alone.
- Asked are the benchmark's four perturbed sets. ``retain_perturbed`` is 400 rows of the retain set, so those asked are among
  the trained ones, and the rest of the trained are the retain set's first others: few authors, whole.
- Non-members, for membership inference, are retain rows of authors of whom no row is trained, as many as the forget rows asked.
  A row of a trained author would not do: his other rows tell of him. OpenUnlearning holds out forget-sized sets of its own,
  which no model of its table is trained on; the benchmark has no such set for the rows that a small model learns.

A method that is trained on retain rows must take ``retain_chats``: others may be non-members.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from pydantic import Field

from benchmarks.sources.params import SourceParams
from benchmarks.sources.rows import ChatRow, QuestionRow, read_rows
from benchmarks.sources.tofu import HUB_ID, ROWS_PER_AUTHOR, retain_set_of
from pipeline.core.errors import InputError, ParamError
from pipeline.core.params import Section
from pipeline.core.validation import Seed, Text
from pipeline.prepare.tables import limited
from pipeline.text.passages import Passage, chat_passage

SETS = ("forget", "retain", "real_authors", "world_facts")
Chat = tuple[str, str]  # question, answer


class TofuEvaluateParams(Section):
    """Section ``tofu``: which rows models learn, and which are asked. The subset and where its files lie are ``prepare``'s."""

    engine: Literal["vllm", "transformers"] = "vllm"  # writes the answers; given ones are scored by transformers
    max_new_tokens: int = Field(80, ge=1)  # the longest answer of the benchmark has 77 in SmolLM2's tokens
    rows_per_set: int = Field(0, ge=0)  # evaluated, drawn by the seed; 0 is all. Retain rows: only trained ones
    retain_rows: int = Field(160, ge=0)  # of the retain set that are trained; 0 is all
    seed: Seed = 0


class TofuRow(QuestionRow):
    """A question that is asked. Its wrong answers (``perturbed_answer``) may be none: what rests on them is left out then."""

    paraphrased_answer: Text  # of real authors and world facts the answer itself, as the released code has it


@dataclass(frozen=True)
class TofuRows:
    """The benchmark's rows, drawn. ``forget_chats`` and ``retain_chats`` are trained, ``non_members`` never are."""

    forget_chats: tuple[Chat, ...]
    retain_chats: tuple[Chat, ...]
    questions: dict[str, tuple[TofuRow, ...]]  # asked, by set
    non_members: tuple[Chat, ...]  # none where all retain authors are trained


def read_tofu_rows(prepare: SourceParams, params: TofuEvaluateParams) -> TofuRows:
    """The rows of ``prepare.subset``, from the hub or from ``prepare.path``.

    Where ``rows_per_set`` and ``seed`` are prepare's ``questions_per_split`` and ``seed``, the same forget and retain questions
    are drawn; of real authors and world facts prepare draws from both together, and this from each.
    Raises InputError for an unknown subset, a choice of targets, an asked retain row that the retain set lacks, and rows that
    can't be read (see ``benchmarks.sources.rows.read_rows``).
    """
    subset, path, seed = prepare.subset, prepare.path, params.seed
    retain_name = retain_set_of(subset)
    if prepare.targets:
        raise ParamError(
            f"prepare.targets names some of {subset}'s authors, but TOFU's metrics are of the whole subset; empty it."
        )
    retain_set = _chats(retain_name, path)
    count = params.retain_rows or len(retain_set)
    limit, retain_limit = params.rows_per_set, min(params.rows_per_set or count, count)
    questions = {
        "forget": _questions(f"{subset}_perturbed", path, TofuRow, limit, seed),
        "retain": _questions("retain_perturbed", path, TofuRow, retain_limit, seed),
        "real_authors": _questions("real_authors_perturbed", path, QuestionRow, limit, seed),
        "world_facts": _questions("world_facts_perturbed", path, QuestionRow, limit, seed),
    }
    trained = _trained(retain_set, questions["retain"], count, retain_name)
    authors = [range(len(retain_set))[start : start + ROWS_PER_AUTHOR] for start in range(0, len(retain_set), ROWS_PER_AUTHOR)]
    untouched = [index for author in authors if trained.isdisjoint(author) for index in author]
    return TofuRows(
        forget_chats=tuple(_chats(subset, path)),
        retain_chats=tuple(retain_set[index] for index in sorted(trained)),
        questions=questions,
        non_members=tuple(retain_set[index] for index in limited(untouched, len(questions["forget"]), seed)),
    )


def retain_passages(rows: TofuRows) -> list[Passage]:
    """``rows.retain_chats`` as chats, but for the asked ones: what a method is trained to keep must not be what is measured.

    Raises InputError where none is left.
    """
    asked = {row.question for row in rows.questions["retain"]}
    kept = [chat_passage("other authors", "retain", *chat, ()) for chat in rows.retain_chats if chat[0] not in asked]
    if not kept:
        raise InputError(
            f"tofu.rows_per_set asks all {len(rows.retain_chats)} retain rows that are trained, so none is left to retain; "
            "lower it, or raise tofu.retain_rows."
        )
    return kept


def _trained(retain_set: Sequence[Chat], asked: Sequence[TofuRow], count: int, name: str) -> set[int]:
    """Indices of the retain rows that are trained: those ``asked``, then the first others, ``count`` in all."""
    places = {chat: index for index, chat in reversed(list(enumerate(retain_set)))}
    missing = next((row for row in asked if (row.question, row.answer) not in places), None)
    if missing:
        raise InputError(
            f"retain_perturbed: {name} lacks the question {missing.question!r} with its answer, and what is asked must have "
            "been trained; take both files from one version of the benchmark."
        )
    trained = {places[row.question, row.answer] for row in asked}
    return trained.union(islice((i for i in range(len(retain_set)) if i not in trained), count - len(trained)))


def _chats(name: str, path: str) -> list[Chat]:
    return [(row.question, row.answer) for row in read_rows(HUB_ID, name, path, ChatRow)]


def _questions(name: str, path: str, kind: type[QuestionRow], limit: int, seed: int) -> tuple[TofuRow, ...]:
    """``limit`` rows of the set ``name``, drawn by ``seed``; 0 is all."""
    rows = limited(read_rows(HUB_ID, name, path, kind), limit, seed)
    for row in rows:
        if not all(row.perturbed_answer):
            raise InputError(f"{name}: the question {row.question!r} has an empty wrong answer; write it out or take it away.")
    return tuple(
        row if isinstance(row, TofuRow) else TofuRow(**row.model_dump() | {"paraphrased_answer": row.answer}) for row in rows
    )
