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
from typing import Any

from pipeline.errors import InputError, ParamError
from pipeline.params import PrepareParams
from pipeline.prepare.hub_rows import read_rows
from pipeline.prepare.passages import limited
from pipeline.prepare.tofu import HUB_ID, RETAIN_OF, ROWS_PER_AUTHOR
from pipeline.tofu.params import TofuEvaluateParams

SETS = ("forget", "retain", "real_authors", "world_facts")
_CHAT = ("question", "answer")
Chat = tuple[str, str]  # question, answer


@dataclass(frozen=True)
class TofuRow:
    """A question that is asked, with its right answer, the same in other words, and the wrong ones."""

    question: str
    answer: str
    paraphrased_answer: str  # of real authors and world facts the answer itself, as the released code has it
    perturbed_answers: tuple[str, ...]  # may be none: what rests on them is left out then


@dataclass(frozen=True)
class TofuRows:
    """The benchmark's rows, drawn. ``forget_chats`` and ``retain_chats`` are trained, ``non_members`` never are."""

    forget_chats: tuple[Chat, ...]
    retain_chats: tuple[Chat, ...]
    asked: dict[str, tuple[TofuRow, ...]]  # by set
    non_members: tuple[Chat, ...]  # none where all retain authors are trained


def read_tofu_rows(prepare: PrepareParams, params: TofuEvaluateParams) -> TofuRows:
    """The rows of ``prepare.subset``, from the hub or from ``prepare.path``.

    Where ``rows_per_set`` and ``seed`` are prepare's ``questions_per_split`` and ``seed``, the same forget and retain questions
    are drawn; of real authors and world facts prepare draws from both together, and this from each.
    Raises InputError for an unknown subset, a choice of targets, an asked retain row that the retain set lacks, and rows that
    can't be read (see ``pipeline.prepare.hub_rows.read_rows``).
    """
    subset, path = prepare.subset, prepare.path
    if subset not in RETAIN_OF:
        raise ParamError(f"prepare.subset is {subset!r}, but TOFU has {', '.join(RETAIN_OF)}.")
    if prepare.targets:
        raise ParamError(
            f"prepare.targets names some of {subset}'s authors, but TOFU's metrics are of the whole subset; empty it."
        )
    retain_set = _chats(RETAIN_OF[subset], path)
    trained_at_most = params.retain_rows or len(retain_set)
    asked = {
        "forget": _asked(f"{subset}_perturbed", path, params.rows_per_set, params.seed),
        "retain": _asked("retain_perturbed", path, min(params.rows_per_set or trained_at_most, trained_at_most), params.seed),
        "real_authors": _asked("real_authors_perturbed", path, params.rows_per_set, params.seed, paraphrased=False),
        "world_facts": _asked("world_facts_perturbed", path, params.rows_per_set, params.seed, paraphrased=False),
    }
    trained = _trained(retain_set, asked["retain"], trained_at_most, RETAIN_OF[subset])
    untouched = [
        index
        for start in range(0, len(retain_set), ROWS_PER_AUTHOR)
        if trained.isdisjoint(author := range(start, min(start + ROWS_PER_AUTHOR, len(retain_set))))
        for index in author
    ]
    return TofuRows(
        forget_chats=tuple(_chats(subset, path)),
        retain_chats=tuple(retain_set[index] for index in sorted(trained)),
        asked=asked,
        non_members=tuple(retain_set[index] for index in limited(untouched, len(asked["forget"]), params.seed)),
    )


def _trained(retain_set: Sequence[Chat], asked: Sequence[TofuRow], count: int, name: str) -> set[int]:
    """Indices of the retain rows that are trained: those ``asked``, then the first others, ``count`` in all."""
    places: dict[Chat, int] = {}
    for index, chat in enumerate(retain_set):
        places.setdefault(chat, index)
    trained: set[int] = set()
    for row in asked:
        place = places.get((row.question, row.answer))
        if place is None:
            raise InputError(
                f"retain_perturbed: {name} lacks the question {row.question!r} with its answer, and what is asked must have "
                "been trained; take both files from one version of the benchmark."
            )
        trained.add(place)
    others = [index for index in range(len(retain_set)) if index not in trained]
    return trained | set(islice(others, count - len(trained)))


def _chats(name: str, path: str) -> list[Chat]:
    return [_chat(row) for row in read_rows(HUB_ID, name, path, _CHAT)]


def _chat(row: dict[str, Any]) -> Chat:
    return row["question"].strip(), row["answer"].strip()


def _asked(name: str, path: str, limit: int, seed: int, *, paraphrased: bool = True) -> tuple[TofuRow, ...]:
    """``limit`` rows of the set ``name``, drawn by ``seed``; 0 is all."""
    required = (*_CHAT, *(("paraphrased_answer",) if paraphrased else ()))
    rows = limited(read_rows(HUB_ID, name, path, required, lists=("perturbed_answer",)), limit, seed)
    for row in rows:
        row["perturbed_answer"] = row.get("perturbed_answer") or []
        if not all(text.strip() for text in row["perturbed_answer"]):
            raise InputError(
                f"{name}: the question {row['question']!r} has an empty wrong answer; write it out or take it away."
            )
    return tuple(
        TofuRow(
            *_chat(row),
            row["paraphrased_answer"].strip() if paraphrased else row["answer"].strip(),
            tuple(text.strip() for text in row["perturbed_answer"]),
        )
        for row in rows
    )
