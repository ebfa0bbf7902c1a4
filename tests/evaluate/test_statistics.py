"""The bootstrap behind the tables: against closed forms, scipy's, a simulation and a worked example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from pipeline.evaluate.statistics import (
    Array,
    estimate,
    forgotten,
    holm,
    kept,
    mean_with_interval,
    p_value,
    resampled_mean,
    resamples,
    verdicts,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def nobody(count: int) -> list[str | None]:
    return [None] * count


def test_first_resample_is_the_questions_as_they_are_and_all_have_as_many() -> None:
    for people in (nobody(6), ["Orla"] * 6):
        counts = resamples(people, 500, 0)
        assert (counts[0] == 1).all()
        assert (counts.sum(1) == 6).all()
        assert counts[1:].mean(0) == pytest.approx(np.ones(6), abs=0.15)


def test_a_drawn_person_comes_with_as_many_questions_as_they_have() -> None:
    counts = resamples(["Orla", "Bram", "Orla", "Orla", None], 300, 0)[1:]
    orla, bram, nobodys = counts[:, [0, 2, 3]].sum(1), counts[:, 1], counts[:, 4]
    assert set(orla) == {0, 3, 6, 9}
    assert (orla // 3 + bram + nobodys == 3).all()
    assert len(np.unique(counts[orla == 3][:, [0, 2, 3]], axis=0)) > 1  # not the person's questions as they are


def test_variance_of_a_mean_is_that_of_the_two_stages(rng: np.random.Generator) -> None:
    """Davison and Hinkley, section 3.8: a between people, w within them, P people of n questions: a / P + w / (P n)."""
    values_PN = rng.normal(rng.normal(0, 1, 6)[:, None], 0.7, (6, 5))
    counts = resamples([str(person) for person in range(6) for _ in range(5)], 20000, 1)
    drawn = resampled_mean(values_PN.ravel(), counts)[1:]
    assert drawn.var() == pytest.approx(values_PN.mean(1).var() / 6 + values_PN.var(1).mean() / 30, rel=0.05)


def test_interval_over_questions_is_scipys(rng: np.random.Generator) -> None:
    values = rng.random(40)
    found = estimate(resampled_mean(values, resamples(nobody(40), 10000, 1)))
    theirs = bootstrap((values,), np.mean, n_resamples=10000, method="percentile", rng=2).confidence_interval
    assert found["mean"] == pytest.approx(values.mean())
    assert (found["low"], found["high"]) == pytest.approx(tuple(theirs), abs=0.004)


def test_people_make_the_interval_wider_where_they_differ() -> None:
    values, people = [0.9] * 5 + [0.1] * 5, ["Orla"] * 5 + ["Bram"] * 5
    of_one = mean_with_interval(values, ["Orla"] * 10, 2000, 0)
    of_two = mean_with_interval(values, people, 2000, 0)
    assert (of_two["low"], of_two["high"]) == (0.1, 0.9)
    assert 0.2 < of_one["low"] < 0.3 and 0.7 < of_one["high"] < 0.8


def test_interval_covers_the_truth_as_often_as_it_says(rng: np.random.Generator) -> None:
    people = [str(person) for person in range(20) for _ in range(4)]
    covered = {"people": 0, "questions": 0}
    for trial in range(200):
        values = (rng.normal(0, 1, 20)[:, None] + rng.normal(0, 1, (20, 4))).ravel()
        for level, whom in (("people", people), ("questions", ["one"] * 80)):
            found = estimate(resampled_mean(values, resamples(whom, 300, trial)))
            covered[level] += found["low"] <= 0 <= found["high"]
    assert 0.90 <= covered["people"] / 200 <= 1
    assert covered["questions"] / 200 < 0.85


@pytest.mark.parametrize(("people", "share"), [(2, 0.79), (5, 0.89), (10, 0.93)])
def test_few_people_tell_little_of_others(rng: np.random.Generator, people: int, share: float) -> None:
    whom = [str(person) for person in range(people) for _ in range(15)]
    covered = 0
    for trial in range(200):
        values = (rng.normal(0, 0.5, people)[:, None] + rng.normal(0, 1, (people, 15))).ravel()
        found = estimate(resampled_mean(values, resamples(whom, 300, trial)))
        covered += found["low"] <= 0 <= found["high"]
    assert covered / 200 == pytest.approx(share, abs=0.08)  # 200 trials: 0.03 standard error


def test_trainings_are_a_level_of_their_own() -> None:
    values_SQ = np.array([[0.2] * 4, [0.4] * 4, [0.9] * 4])
    drawn = resampled_mean(values_SQ, resamples(nobody(4), 20000, 0))
    assert drawn[0] == pytest.approx(0.5)
    assert drawn[1:].var() == pytest.approx(np.var([0.2, 0.4, 0.9]) / 3, rel=0.05)


def test_a_question_without_a_value_does_not_count() -> None:
    counts = resamples(nobody(5), 2000, 0)
    drawn = resampled_mean([[0.2, np.nan, 0.6, np.nan, np.nan], [np.nan] * 5], counts)
    assert drawn[0] == pytest.approx(0.4)
    none_drawn = counts[:, [0, 2]].sum(1) == 0
    assert none_drawn.any() and (np.isnan(drawn) == none_drawn).all()
    assert estimate(drawn) == pytest.approx({"mean": 0.4, "low": 0.2, "high": 0.6})
    assert np.isnan(resampled_mean([np.nan] * 5, counts)).all()


def test_a_constant_shift_is_told_apart_though_the_intervals_overlap(rng: np.random.Generator) -> None:
    values, counts = rng.random(30), resamples(nobody(30), 2000, 0)
    one, other = resampled_mean(values, counts), resampled_mean(values + 0.02, counts)
    assert estimate(one)["high"] > estimate(other)["low"]
    assert estimate(other - one) == pytest.approx({"mean": 0.02, "low": 0.02, "high": 0.02})
    assert p_value(other - one) == p_value(one - other) == pytest.approx(2 / 2001)


def test_p_value_agrees_with_the_interval(rng: np.random.Generator) -> None:
    counts = resamples(nobody(30), 4000, 0)
    for shift in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5):
        difference = resampled_mean(rng.normal(shift, 1, 30), counts)
        found = estimate(difference)
        assert (p_value(difference) < 0.05) == (found["low"] > 0 or found["high"] < 0)
    assert p_value(np.zeros(100)) == 1.0


def test_ratios_are_paired(rng: np.random.Generator) -> None:
    counts = resamples(nobody(20), 500, 0)
    base = resampled_mean(rng.uniform(0.7, 1, 20), counts)
    floor = resampled_mean(rng.uniform(0.1, 0.4, 20), counts)
    assert estimate(forgotten(base - 0.75 * (base - floor), base, floor)) == pytest.approx(
        dict.fromkeys(("mean", "low", "high"), 0.75)
    )
    assert estimate(kept(0.9 * base, base)) == pytest.approx(dict.fromkeys(("mean", "low", "high"), 0.9))
    assert float(forgotten(0.2, 0.9, 0.3)) == pytest.approx(7 / 6)
    assert np.isnan(forgotten(0.2, 0.3, 0.3)) and np.isnan(kept(0.1, 0.0))


def test_holms_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_none_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= a <= min(1, len(p_values) * p) + 1e-12 for p, a in zip(p_values, adjusted, strict=True))
    assert [adjusted[i] for i in np.argsort(p_values, kind="stable")] == sorted(adjusted)


def test_verdicts_name_the_best_its_equals_and_what_is_worse(rng: np.random.Generator) -> None:
    values, counts = rng.random(30), resamples(nobody(30), 2000, 0)

    def mean(more: Array | float) -> Array:
        return resampled_mean(values + more, counts)

    noise = rng.normal(0, 1, 30)
    found = verdicts({"worse": mean(0.1), "best": mean(0), "equal": mean(0), "near": mean(noise - noise.mean() + 0.01)})
    assert {method: verdict for method, (verdict, _) in found.items()} == {
        "worse": "worse",
        "best": "best",
        "equal": "best",
        "near": "not told apart",
    }
    assert found["worse"][1] == pytest.approx(3 * 2 / 2001)
    assert found["best"][1] == found["equal"][1] == 1.0


def test_mean_with_interval_is_that_of_the_normal_approximation(rng: np.random.Generator) -> None:
    values = rng.normal(0.4, 1.0, 400)
    result = mean_with_interval(values.tolist(), nobody(400), 4000, 1)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert result["mean"] == pytest.approx(values.mean(), abs=1e-4)
    assert result["low"] == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert result["high"] == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert result["count"] == 400


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["Orla", "Bram", None])), min_size=1, max_size=30), st.integers(0, 5)
)
def test_interval_lies_within_the_values(rows: list[tuple[float, str | None]], seed: int) -> None:
    values, people = [value for value, _ in rows], [person for _, person in rows]
    result = mean_with_interval(values, people, 200, seed)
    assert min(values) - 1e-4 <= result["low"] <= result["high"] <= max(values) + 1e-4
    assert result["count"] == len(values)


def test_a_seed_gives_one_interval(rng: np.random.Generator) -> None:
    values = rng.random(20).tolist()
    assert mean_with_interval(values, nobody(20), 100, 3) == mean_with_interval(values, nobody(20), 100, 3)
    assert mean_with_interval(values, nobody(20), 100, 3) != mean_with_interval(values, nobody(20), 100, 4)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[0.25], [0.25] * 7, [0.1] * 3])
def test_equal_values_are_their_own_interval(values: list[float]) -> None:
    (value,) = set(values)
    found = mean_with_interval(values, ["Orla"] * len(values), 100, 0)
    assert found == {"mean": value, "low": value, "high": value, "count": len(values)}
