"""How far a judge agrees with a person, on answers labelled by hand.

Exact agreement flatters a judge that gives the commonest rating to everything; Cohen's kappa is the agreement beyond what two
raters with these ratings would have by chance (1 always, 0 no more than chance). Its linear weights count 1 against 3 as twice
as far off as 2 against 3; with two ratings they change nothing. A reply without a rating is a disagreement for the first and
left out of the second.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.judges.interface import Item, Rating
from pipeline.judges.rubrics import RUBRICS_FOLDER, SCALES
from pipeline.textfile import read_text

LABELLED_FILE = RUBRICS_FOLDER / "labelled.jsonl"
PARTS = ("development", "held_out")  # seen while the rules were written, or not
_TEXTS = ("question", "answer", "response")


@dataclass(frozen=True)
class Labelled:
    """An answer with a person's ratings of it, {rubric: rating} on the rubrics' own scales."""

    part: str
    question: str
    answer: str
    response: str
    labels: dict[str, int]

    def item(self, rubric: str) -> Item:
        """What a judge is asked about it."""
        return Item(self.question, self.answer, self.response, rubric)


@dataclass(frozen=True)
class Agreement:
    """Agreement on one rubric; kappa is None where both always give one and the same rating."""

    count: int
    exact: float
    kappa: float | None
    unparsable: int


def read_labelled(path: Path = LABELLED_FILE) -> list[Labelled]:
    """The labelled answers. Raises InputError with the line and field that is wrong."""
    labelled = []
    for number, line in enumerate(read_text(path, "answers with leak, quality and unavailable labelled").splitlines(), start=1):
        place = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{place}, column {error.colno}: not valid JSON ({error.msg}).") from None
        known = {"part", *_TEXTS, *SCALES}
        if not isinstance(row, dict) or set(row) != known:
            raise InputError(f"{place}: must be a JSON object with exactly the fields {', '.join(sorted(known))}.")
        if row["part"] not in PARTS:
            raise InputError(f"{place}: 'part' is {row['part']!r}, but must be one of {', '.join(PARTS)}.")
        for key in _TEXTS:
            if not isinstance(row[key], str):
                raise InputError(f"{place}: {key!r} must be a string.")
        for rubric, (low, high) in SCALES.items():
            if not isinstance(row[rubric], int) or not low <= row[rubric] <= high:
                told = "true or false" if rubric == "unavailable" else f"a whole number from {low} to {high}"
                raise InputError(f"{place}: {rubric!r} is {row[rubric]!r}, but must be {told}.")
        labels = {rubric: int(row[rubric]) for rubric in SCALES}
        labelled.append(Labelled(row["part"], row["question"], row["answer"], row["response"], labels))
    if not labelled:
        raise InputError(f"{path} is empty; write one JSON object a line.")
    return labelled


def weighted_kappa(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Cohen's kappa with linear weights of two raters' ratings of the same things; None where chance alone agrees wholly."""
    count = len(one)
    observed = sum(abs(a - b) for a, b in zip(one, other, strict=True)) * count
    left, right = Counter(one), Counter(other)
    expected = sum(abs(a - b) * left[a] * right[b] for a in left for b in right)
    return 1 - observed / expected if expected else None


def agreement(labels: Sequence[float], ratings: Sequence[Rating]) -> Agreement:
    """Agreement of a judge's ``ratings`` with a person's ``labels`` of the same answers."""
    pairs = [(label, rating.rating) for label, rating in zip(labels, ratings, strict=True) if rating.rating is not None]
    exact = sum(label == rating for label, rating in pairs) / max(len(labels), 1)
    kappa = weighted_kappa([label for label, _ in pairs], [rating for _, rating in pairs])
    return Agreement(len(labels), exact, kappa, len(labels) - len(pairs))


def agreement_lines(labelled: Sequence[Labelled], ratings: dict[str, list[Rating]]) -> Iterator[str]:
    """A table: a line a part and rubric. ``ratings`` has a rating for each of ``labelled``, by rubric."""
    yield f"{'part':<12}  {'rubric':<12} {'answers':>7}  {'exact':>5}  {'kappa':>5}  unparsable"
    for part in PARTS:
        chosen = [number for number, one in enumerate(labelled) if one.part == part]
        for rubric in SCALES if chosen else ():
            found = agreement([labelled[n].labels[rubric] for n in chosen], [ratings[rubric][n] for n in chosen])
            kappa = "-" if found.kappa is None else f"{found.kappa:.2f}"
            yield f"{part:<12}  {rubric:<12} {found.count:>7}  {found.exact:>5.2f}  {kappa:>5}  {found.unparsable:>10}"


def disagreement_lines(labelled: Sequence[Labelled], ratings: dict[str, list[Rating]]) -> Iterator[str]:
    """Each answer that the judge rates otherwise than the person, with both ratings."""
    for rubric, given in ratings.items():
        for one, rating in zip(labelled, given, strict=True):
            if rating.rating != one.labels[rubric]:
                told = "none" if rating.rating is None else f"{rating.rating:g}"
                yield f"{rubric}: judge {told}, label {one.labels[rubric]} ({one.part})"
                yield f"  question: {one.question}"
                yield f"  answer:   {one.answer}"
                yield f"  response: {one.response!r}"
