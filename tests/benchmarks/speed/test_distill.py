"""The figures of distill are measured whole on a tiny model; what they are is for the real one."""

import math

import numpy as np
import pytest

from benchmarks.speed.distill import DenseTargets, distill_figures
from benchmarks.speed.workload import Shape, Workload

TINY = Shape(600, 64, 128, 2, 2, 1)


def test_every_figure_has_a_value_an_aim_and_what_it_is_held_against() -> None:
    figures = distill_figures(TINY, TINY, rounds=1)
    assert [figure.key for figure in figures] == [
        "distill_over_bare",
        "distill_over_bare_with_adamw",
        "distill_over_dense_trainer",
        "distill_over_dense_trainer_152k",
        "distill_memory_over_dense_152k",
    ]
    assert all(math.isfinite(figure.value) and figure.value > 0 for figure in figures)
    assert all(figure.aim.split()[0] in (">=", "<=") and float(figure.aim.split()[1]) for figure in figures)
    assert all(figure.compared for figure in figures)


def test_dense_targets_are_those_of_the_shards_with_their_tail_spread() -> None:
    workload = Workload.random(1, 600, passages=2, tokens=(5, 9), top_k=4)
    dense = DenseTargets(workload, 600)
    assert len(dense) == 2
    for (ids, positions, probs_TV), one in zip((dense[0], dense[1]), workload.steps[0], strict=True):
        assert ids is workload.input_ids[one.passage] and positions is one.positions
        assert probs_TV.dtype == np.float32
        np.testing.assert_allclose(probs_TV.sum(1), 1.0, rtol=1e-5)
        kept_TK = np.take_along_axis(probs_TV, one.ids.astype(np.int64), axis=1)
        np.testing.assert_allclose(np.log(kept_TK), one.logprobs, rtol=1e-4)
        assert probs_TV.sum(1) - kept_TK.sum(1) == pytest.approx(np.exp(one.tail_logprob), rel=1e-2, abs=1e-4)
