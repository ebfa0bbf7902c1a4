"""Which examples a step holds."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.baselines.examples import Example
from pipeline.baselines.params import BaselineParams
from pipeline.baselines.steps import steps_of_epoch


def make(forget: int, retain: int) -> list[Example]:
    return [Example((1, 2), 1, "forget")] * forget + [Example((1, 2), 1, "retain")] * retain


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.floats(0.01, 3), st.integers(0, 5))
def test_every_forget_example_once_and_retain_examples_dealt_evenly(
    forget: int, retain: int, size: int, ratio: float, epoch: int
) -> None:
    params = BaselineParams(passages_per_step=size, retain_per_forget=ratio)
    steps = steps_of_epoch(make(forget, retain), params, epoch, seed=3, retain=True)
    counted = Counter(index for step in steps for index in step)
    assert set(counted.values()) == {1}
    assert {index for index in counted if index < forget} == set(range(forget))
    drawn = [sum(index >= forget for index in step) for step in steps]
    assert sum(drawn) == min(max(round(ratio * forget), 1), retain)
    assert max(drawn) - min(drawn) <= 1
    sizes = [sum(index < forget for index in step) for step in steps]
    assert all(count == size for count in sizes[:-1])
    assert 0 < sizes[-1] <= size


def test_without_retain_there_is_none() -> None:
    steps = steps_of_epoch(make(5, 5), BaselineParams(passages_per_step=2), 0, 0, retain=False)
    assert sorted(index for step in steps for index in step) == list(range(5))


def test_order_and_retain_examples_follow_seed_and_epoch() -> None:
    examples, params = make(12, 60), BaselineParams(passages_per_step=4, retain_per_forget=1.0)
    first = steps_of_epoch(examples, params, 0, seed=0, retain=True)
    assert steps_of_epoch(examples, params, 0, seed=0, retain=True) == first
    for epoch, seed in ((1, 0), (0, 1)):
        other = steps_of_epoch(examples, params, epoch, seed, retain=True)
        assert {i for step in other for i in step} != {i for step in first for i in step}
        assert [i for step in other for i in step if i < 12] != [i for step in first for i in step if i < 12]
