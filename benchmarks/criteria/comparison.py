"""What the methods' answers say of a measure: its interval over people, questions and seeds, and who is told from the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.criteria.measures import FLOOR_COLUMNS, OF_ANSWERS, RATIO_FLOORS, ratios_of
from benchmarks.suite.params import NO_METHOD
from pipeline.evaluate.statistics import Array, estimate, holm, p_value, resampled_mean, resamples, verdicts

SAMPLES = 5000
SEED = 0
Rows = Sequence[Mapping[str, Any]]  # a run's answers, one a question


@dataclass(frozen=True)
class Resampled:
    """All means in the same resamples of questions: {method: {measure: statistic}}, and {measure: its floor}."""

    means: dict[str, dict[str, Array]]
    floors: Mapping[str, Array | float]

    def verdicts(self, measure: str, better: str, methods: Sequence[str]) -> dict[str, tuple[str, float]]:
        """The verdict on each of ``methods``, with Holm's p value; none where one of them has no answers to compare.

        Where a floor is best, the nearer is the better, on either side of it: |mean - floor|, anew in each resample.
        """
        values = self._to_compare(measure, better, methods)
        if not values or len(values) < len(methods):
            return {}
        return verdicts({method: -value if better == "higher" else value for method, value in values.items()})

    def differences(self, measure: str, better: str, other: str) -> dict[str, dict[str, float]]:
        """Of each method its value less that of ``other`` with its interval, and "p", Holm's over all of them.

        Where a floor is best, a value is the distance from it, anew in each resample. None where ``other`` has no answers.
        """
        values = self._to_compare(measure, better, list(self.means))
        if (reference := values.pop(other, None)) is None:
            return {}
        less = {method: value - reference for method, value in values.items()}
        adjusted = holm([p_value(difference) for difference in less.values()])
        return {method: {**estimate(less[method]), "p": p} for method, p in zip(less, adjusted, strict=True)}

    def _to_compare(self, measure: str, better: str, methods: Sequence[str]) -> dict[str, Array]:
        """The means of those of ``methods`` that have some, or their distances from the floor where that is best."""
        means = {method: own[measure] for method, own in self.means.items() if method in methods and measure in own}
        if better != "floor":
            return means
        return {method: abs(mean - self.floors[measure]) for method, mean in means.items() if measure in self.floors}


def resampled(answers: Mapping[str, Sequence[Rows]]) -> Resampled:
    """Of ``answers``, {method: those of each of its runs}, all to the same questions in the same order.

    The questions of a split are drawn once for all methods; the trainings of each method by themselves, since seed 1 of one
    has nothing to do with seed 1 of another.
    """
    means: dict[str, dict[str, Array]] = {method: {} for method in answers}
    floors: dict[str, Array] = {}
    rows = next(iter(answers.values()))[0] if answers else []
    places = {split: [i for i, row in enumerate(rows) if row["split"] == split] for split in {row["split"] for row in rows}}
    counts = {split: resamples([rows[i]["target"] for i in of_split], SAMPLES, SEED) for split, of_split in places.items()}
    for measure in (measure for measure in OF_ANSWERS if measure.split in places):
        columns = [(method, measure.column, means[method]) for method in answers]
        if NO_METHOD in answers and measure.key in FLOOR_COLUMNS:
            columns.append((NO_METHOD, FLOOR_COLUMNS[measure.key], floors))
        for number, (method, column, found) in enumerate(columns):
            asked = places[measure.split]
            values: Any = [[run[i].get(column) if measure.covers(run[i]) else None for i in asked] for run in answers[method]]
            mean = resampled_mean(values, counts[measure.split], SEED + number)
            if mean[0] == mean[0]:
                found[measure.key] = mean
    for own in means.values():
        own |= ratios_of(own, means.get(NO_METHOD, {}), floors.get("efficacy.probability"))
    return Resampled(means, {**floors, **RATIO_FLOORS})
