"""How far a judge agrees with a person, on answers labelled by hand.

Exact agreement flatters a judge that gives the commonest rating to everything; Cohen's kappa is the agreement beyond what two
raters with these ratings would have by chance (1 always, 0 no more than chance). Its linear weights count 1 against 3 as twice
as far off as 2 against 3; with two ratings they change nothing. A reply without a rating is a disagreement for the first and
left out of the second.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from benchmarks.judges.rubrics import RUBRICS_FOLDER, SCALES, Item
from pipeline.core.jsonl import Row, read_jsonl

PARTS = ("development", "held_out")  # seen while the rules were written, or not


class Labelled(Row):
    """An answer with a person's ratings of it, on the rubrics' own scales."""

    part: Literal["development", "held_out"]
    question: str
    answer: str
    response: str
    leak: Literal[0, 1, 2]
    quality: Literal[1, 2, 3]
    unavailable: bool

    def item(self, rubric: str) -> Item:
        """What a judge is asked about it."""
        return Item(self.question, self.answer, self.response, rubric)

    def label(self, rubric: str) -> int:
        """The person's rating."""
        return int(getattr(self, rubric))


def read_labelled() -> list[Labelled]:
    """The labelled answers. Raises InputError with the line and field that is wrong."""
    return [row for _, row in read_jsonl(RUBRICS_FOLDER / "labelled.jsonl", Labelled)]


def agreement(labels: Sequence[int], ratings: Sequence[float | None]) -> tuple[float, float | None]:
    """(exact agreement, kappa) of a judge's ``ratings`` with a person's ``labels`` of the same answers.

    Kappa is None where chance alone agrees wholly: both always give one and the same rating.
    """
    from nltk.metrics.agreement import AnnotationTask

    pairs = [(label, int(rating)) for label, rating in zip(labels, ratings, strict=True) if rating is not None]
    exact = sum(label == rating for label, rating in pairs) / len(labels)
    if len({value for pair in pairs for value in pair}) < 2:
        return exact, None
    raters = ("person", "judge")
    rated = [(rater, number, value) for number, pair in enumerate(pairs) for rater, value in zip(raters, pair, strict=True)]
    kappa = AnnotationTask(rated, distance=lambda one, other: abs(one - other)).weighted_kappa_pairwise(*raters)
    return exact, float(kappa)


def agreement_lines(labelled: Sequence[Labelled], ratings: Mapping[str, Sequence[float | None]]) -> Iterator[str]:
    """A table: a line a part and rubric. ``ratings`` has a rating for each of ``labelled``, by rubric."""
    yield f"{'part':<12}  {'rubric':<12} {'answers':>7}  {'exact':>5}  {'kappa':>5}  unparsable"
    for part in PARTS:
        chosen = [number for number, one in enumerate(labelled) if one.part == part]
        for rubric in SCALES if chosen else ():
            given = [ratings[rubric][number] for number in chosen]
            exact, kappa = agreement([labelled[number].label(rubric) for number in chosen], given)
            shown = "-" if kappa is None else f"{kappa:.2f}"
            yield f"{part:<12}  {rubric:<12} {len(chosen):>7}  {exact:>5.2f}  {shown:>5}  {given.count(None):>10}"


def disagreement_lines(labelled: Sequence[Labelled], ratings: Mapping[str, Sequence[float | None]]) -> Iterator[str]:
    """Each answer that the judge rates otherwise than the person, with both ratings."""
    for rubric, judged in ratings.items():
        for one, rating in zip(labelled, judged, strict=True):
            if rating != one.label(rubric):
                yield f"{rubric}: judge {'none' if rating is None else f'{rating:g}'}, label {one.label(rubric)} ({one.part})"
                yield from (f"  question: {one.question}", f"  answer:   {one.answer}", f"  response: {one.response!r}")
