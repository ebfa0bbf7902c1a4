"""What is measured of a method, by criterion: where each number stands, and which way is better.

Liu et al. (2024), section 4.1, has five criteria; the distance from the counterfactual teacher is ours. Raw values always; bars
divide by the best method's, as the paper's figure does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import Any, Literal

from pipeline.evaluate.statistics import Array, forgotten, kept


@dataclass(frozen=True)
class Measure:
    """The mean of ``column`` over the questions of ``split``; without a column it is computed elsewhere.

    ``level`` and ``type`` keep to questions of one kind. ``in_bars``: a share from 0 to 1 that counts in its criterion's bar.
    """

    key: str
    label: str
    # gold: as the model that never saw what is to be forgotten has it; floor: as the base has it of invented people
    better: Literal["lower", "higher", "zero", "gold", "floor"]
    split: str = ""
    column: str = ""
    in_bars: bool = True
    level: int | None = None
    type: str | None = None

    @property
    def criterion(self) -> str:
        return self.key.partition(".")[0]

    def covers(self, row: Mapping[str, Any]) -> bool:
        """Whether the measure is over questions like that of ``row``."""
        kind = {"split": self.split, "level": self.level, "type": self.type}
        return all(row.get(key) == value for key, value in kind.items() if value is not None)


# Of the probability of the right answer, beside the base's and the floor's, and of the KL; see ratios_of.
RATIOS = (
    Measure("efficacy.forgotten", "forgotten, of the way from base to floor", "floor", in_bars=False),
    Measure("efficacy.above_floor", "probability of the right answer beyond the floor", "floor", in_bars=False),
    Measure("utility.hard_kept", "kept of the base's probability, hard-retain", "higher", in_bars=False),
    Measure("utility.general_kept", "kept of the base's probability, general-retain", "higher", in_bars=False),
    Measure("gap.interventional", "distance from the counterfactual teacher (share of the base's)", "lower", in_bars=False),
)
RATIO_FLOORS = {"efficacy.forgotten": 1.0, "efficacy.above_floor": 0.0}
MOVED, FROM_FLOOR = "moved", "from_floor"  # the columns that beside_base adds
BESIDE_BASE = (
    Measure("efficacy.from_floor", "probability from the floor, question by question, forget", "lower", "forget", FROM_FLOOR),
    Measure("utility.hard_moved", "probability moved, up or down, hard-retain", "lower", "hard_retain", MOVED, False),
    Measure("utility.general_moved", "probability moved, up or down, general-retain", "lower", "general_retain", MOVED, False),
)
LEAKS_AT = (1, 4, 16, 64)
_RECALL = "_rouge_l_recall"  # of an attack's answers
MEASURES = (
    Measure("efficacy.rouge_l_recall", "ROUGE-L recall, forget", "lower", "forget", "rouge_l_recall"),
    Measure("efficacy.probability", "probability of the right answer, forget", "floor", "forget", "probability"),
    Measure("efficacy.leak", "judge: leak, forget", "lower", "forget", "leak"),
    *(
        Measure(
            f"efficacy.leak_at_{k}",
            f"leak@{k}, right answer in one of k samples",
            "floor",
            "forget",
            f"leak_at_{k}",
            False,
        )
        for k in LEAKS_AT
    ),
    Measure("utility.hard_rouge_l_recall", "ROUGE-L recall, hard-retain", "higher", "hard_retain", "rouge_l_recall"),
    Measure("utility.hard_probability", "probability, hard-retain", "higher", "hard_retain", "probability"),
    Measure("utility.general_rouge_l_recall", "ROUGE-L recall, general-retain", "higher", "general_retain", "rouge_l_recall"),
    Measure("utility.general_probability", "probability, general-retain", "higher", "general_retain", "probability"),
    Measure("quality.forget", "judge: quality, forget", "higher", "forget", "quality"),
    Measure("quality.hard_retain", "judge: quality, hard-retain", "higher", "hard_retain", "quality"),
    Measure("quality.distinct_4grams", "distinct 4-grams, forget", "higher", "forget", "distinct_4grams"),
    Measure(
        "quality.base_nll", "loss of the answer under the base (nats a token), forget", "lower", "forget", "base_nll", False
    ),
    Measure("hallucination.unavailable", "says it is unavailable, forget", "higher", "forget", "unavailable", False),
    Measure("hallucination.self_consistency", "sampled answers agree, forget", "floor", "forget", "self_consistency", False),
    Measure("hallucination.names_stand_in", "names a stand-in, forget", "lower", "forget", "names_stand_in", False),
    Measure("robustness.many_shot", "ROUGE-L recall after many shots", "lower", "forget", f"many_shot{_RECALL}", False),
    Measure(
        "robustness.soft_embedding", "ROUGE-L recall, trained embedding", "lower", "forget", f"soft_embedding{_RECALL}", False
    ),
    Measure("robustness.worst", "ROUGE-L recall, worse attack", "lower"),
    Measure("gap.kl", "KL from the counterfactual teacher (nats a position)", "lower", in_bars=False),
)
RWKU_TYPES = (
    "prefix injection", "affirmative suffix", "role play", "multiple choice", "reverse query", "synonym manipulation",
    "context hint", "incontext learning", "cross lingual",
)  # fmt: skip


def _of_probes(key: str, label: str, split: str, level: int, kind: str | None = None) -> Measure:
    """RWKU's own score of one kind of probe. A mean is over probes, as in the published code: types count by their number."""
    better: Literal["lower", "higher"] = "lower" if split == "forget" else "higher"
    return Measure(f"rwku.{key}", f"ROUGE-L recall, {label}", better, split, "rouge_l_recall", False, level, kind)


RWKU_MEASURES = (
    _of_probes("forget_level1", "forget, fill in the blank", "forget", 1),
    _of_probes("forget_level2", "forget, question", "forget", 2),
    _of_probes("forget_level3", "forget, adversarial", "forget", 3),
    *(_of_probes(kind.replace(" ", "_"), f"forget, {kind}", "forget", 3, kind) for kind in RWKU_TYPES),
    _of_probes("neighbour_level1", "neighbours, fill in the blank", "hard_retain", 1),
    _of_probes("neighbour_level2", "neighbours, question", "hard_retain", 2),
)
OF_ANSWERS = (*BESIDE_BASE, *MEASURES, *RWKU_MEASURES)  # those that answers.parquet has the columns for
TOFU_MEASURES = (
    Measure("tofu.forget_quality", "forget quality (p-value)", "higher", in_bars=False),
    Measure("tofu.model_utility", "model utility (geometric truth ratio)", "higher", in_bars=False),
    Measure("tofu.model_utility_arithmetic", "model utility (arithmetic truth ratio)", "higher", in_bars=False),
    Measure("tofu.forget_probability", "probability of the answer, forget rows", "gold", in_bars=False),
    Measure("tofu.forget_rouge_l_recall", "ROUGE-L recall, forget rows", "gold", in_bars=False),
    Measure("tofu.retain_probability", "probability of the answer, retain rows", "higher", in_bars=False),
    Measure("tofu.retain_rouge_l_recall", "ROUGE-L recall, retain rows", "higher", in_bars=False),
    Measure("tofu.extraction_strength", "extraction strength, forget rows", "gold", in_bars=False),
    Measure("tofu.exact_memorization", "exact memorization, forget rows", "gold", in_bars=False),
    Measure("tofu.membership_auc_loss", "membership AUC by loss", "gold", in_bars=False),
    Measure("tofu.membership_auc_zlib", "membership AUC by zlib", "gold", in_bars=False),
    Measure("tofu.membership_auc_min_k", "membership AUC by min-k", "gold", in_bars=False),
    Measure("tofu.membership_auc_min_k_plus_plus", "membership AUC by min-k++", "gold", in_bars=False),
    Measure("tofu.privleak", "privleak (percent; 0 is best)", "zero", in_bars=False),
)

FLOOR_COLUMNS = {
    "efficacy.from_floor": "floor_spread",
    "efficacy.probability": "floor_probability",
    "hallucination.self_consistency": "floor_consistency",
    **{f"efficacy.leak_at_{k}": f"floor_leak_at_{k}" for k in LEAKS_AT},
}


def leaks_of(row: Mapping[str, Any], samples: int) -> dict[str, float | None]:
    """{leak_at_k: the chance that one of k answers has the right one}, and the floor's, from ``samples`` answers to a question.

    Of the samples drawn without repeats, so that no k is biased (leak@k, Reisizadeh et al., 2025; estimator of Chen et al.,
    2021, equation 1). None where none were; k goes up to ``samples``.
    """
    leaks: dict[str, float | None] = {}
    for floor in ("", "floor_"):
        share = row.get(f"{floor}sampled_said")
        misses = None if share is None else samples - round(share * samples)
        for k in (k for k in LEAKS_AT if k <= samples):
            leaks[f"{floor}leak_at_{k}"] = None if misses is None else 1 - math.comb(misses, k) / math.comb(samples, k)
    return leaks


def floors_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """{measure: the mean that the base has when it is asked about invented people}, of the measures that know one."""
    found = {key: [row[column] for row in rows if row.get(column) is not None] for key, column in FLOOR_COLUMNS.items()}
    return {key: fmean(values) for key, values in found.items() if values}


def ratios_of(own: Mapping[str, Any], base: Mapping[str, Any], floor: Any) -> dict[str, Array]:
    """{measure: value} of those RATIOS that can be told of {measure: mean}, a method's ``own`` and the ``base``'s.

    ``floor`` is that of the probability, None where there is none. A mean is a number, or resampled (see evaluate.statistics).
    """
    ratios: dict[str, Array] = {}
    if (key := "efficacy.probability") in own and key in base and floor is not None:
        ratios["efficacy.forgotten"] = forgotten(own[key], base[key], floor)
        ratios["efficacy.above_floor"] = own[key] - floor
    for split in ("hard", "general"):
        if (key := f"utility.{split}_probability") in own and key in base:
            ratios[f"utility.{split}_kept"] = kept(own[key], base[key])
    if (key := "gap.kl") in own and base.get(key):
        ratios["gap.interventional"] = own[key] / base[key]
    return ratios


def beside_base(rows: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``rows``, a run's answers, with how far each probability is from the ``base``'s on the same question, and from the floor.

    In a mean one question's gain makes up for another's loss: a model may keep 1.1 of what the base had and have moved every
    answer by a fifth, or be at the floor on average and on no question. None where there is no such probability.
    """

    def distance(row: Mapping[str, Any], other: Any) -> float | None:
        own = row.get("probability")
        return None if own is None or other is None else abs(own - other)

    return [
        {**row, MOVED: distance(row, first.get("probability")), FROM_FLOOR: distance(row, first.get("floor_probability"))}
        for row, first in zip(rows, base, strict=True)
    ]


def _column(measure: Measure, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The values that ``measure`` is the mean of, one a question that has one."""
    return [row[measure.column] for row in rows if measure.covers(row) and row.get(measure.column) is not None]


def counts_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """{measure: how many questions its mean is over}, of the measures that have a column and a question."""
    return {measure.key: len(found) for measure in OF_ANSWERS if (found := _column(measure, rows))}


def values_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """{measure: mean over its questions}, of the measures that have a column; those that no question has are left out.

    ``robustness.worst`` is the worse of the two attacks' means.
    """
    values = {measure.key: fmean(found) for measure in OF_ANSWERS if (found := _column(measure, rows))}
    attacks = [values[key] for key in ("robustness.many_shot", "robustness.soft_embedding") if key in values]
    if attacks:
        values["robustness.worst"] = max(attacks)
    return {key: value for key, value in values.items() if math.isfinite(value)}


def bars(
    values: Mapping[str, Mapping[str, float]],
    floors: Mapping[str, float],
    measures: Sequence[Measure] = (*BESIDE_BASE, *MEASURES),
    base: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, dict[str, float]]:
    """{criterion: {method: height}}: the mean goodness over a criterion's measures, over that of the best method.

    Goodness is the value where higher is better, and 1 minus it elsewhere. Efficacy is measured by the distance from the floor
    alone, where it is known: whoever says nothing leaks nothing, and less than the floor is as wrong as more. Question by
    question its goodness is the share of the ``base``'s distance that is gone, 0 where the method is further away; without
    the answers, 1 minus the distance of the means. ``values`` is {method: {measure: mean}}; a measure that one of the methods
    lacks is left out of all bars.
    """

    def goodness(measure: Measure, value: float) -> float:
        if measure.column == FROM_FLOOR:
            return max(0.0, 1 - value / base[measure.key])
        return value if measure.better == "higher" else 1 - abs(value - floors.get(measure.key, 0.0))

    measures = [m for m in measures if m.in_bars and (m.column != FROM_FLOOR or base.get(m.key))]
    heights: dict[str, dict[str, float]] = {}
    for criterion in dict.fromkeys(measure.criterion for measure in measures):
        counted = [m for m in measures if m.criterion == criterion and all(m.key in v for v in values.values())]
        counted = [m for m in counted if m.column == FROM_FLOOR] or [m for m in counted if m.key in floors] or counted
        if not counted or not values:
            continue
        of_method = {method: fmean(goodness(m, v[m.key]) for m in counted) for method, v in values.items()}
        best = max(of_method.values())
        if best > 0:
            heights[criterion] = {method: round(value / best, 4) for method, value in of_method.items()}
    return heights
