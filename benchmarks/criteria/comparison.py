"""What the methods' answers say of a measure: its interval over people, questions and seeds, and who is told from the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.criteria.measures import FLOOR_COLUMNS, MEASURES, RATIO_FLOORS, RWKU_MEASURES, ratios_of
from benchmarks.suite.params import NO_METHOD
from pipeline.evaluate.statistics import Array, resampled_mean, resamples, verdicts

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
        means = {method: own[measure] for method, own in self.means.items() if method in methods and measure in own}
        if not means or len(means) < len(methods) or (better == "floor" and measure not in self.floors):
            return {}
        if better == "floor":
            return verdicts({method: abs(mean - self.floors[measure]) for method, mean in means.items()})
        return verdicts({method: mean if better == "lower" else -mean for method, mean in means.items()})


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
    for measure in (measure for measure in (*MEASURES, *RWKU_MEASURES) if measure.split in places):
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
