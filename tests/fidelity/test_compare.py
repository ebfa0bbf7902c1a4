"""Errors of a cut teacher, and the agreement of two engines, on distributions made by hand."""

import numpy as np
import pytest

from pipeline.fidelity.compare import agreement, agreement_summary, as_stored, error_summary, errors
from pipeline.fidelity.dense import DenseTeacher
from pipeline.teacher.average import average
from pipeline.teacher.counterfactuals import TaughtPassage
from pipeline.teacher.shards import PassageTargets

N, T, V = 4, 6, 40
PER_NAME = np.random.default_rng(0).dirichlet(np.full(V, 0.3), (N, T))
DENSE = DenseTeacher(np.arange(T, dtype=np.int32), PER_NAME.mean(0), np.zeros(T))


def cut(top_k: int) -> TaughtPassage:
    """The teacher from each name's ``top_k`` tokens."""
    ids = np.argsort(-PER_NAME, axis=2)[:, :, :top_k].astype(np.int32)
    return TaughtPassage(DENSE.positions, average(ids, np.take_along_axis(PER_NAME, ids, axis=2), top_k), np.zeros(T))


def sparse(probs: list[float], tail: float, ids: list[int]) -> PassageTargets:
    """One position."""
    logprobs = np.log(np.array([probs], dtype=np.float32))
    tails = np.log(np.array([tail], dtype=np.float32))
    return PassageTargets(0, "forget", np.zeros(1, dtype=np.int32), np.array([ids], dtype=np.int32), logprobs, tails)


def test_values_by_hand() -> None:
    dense = DenseTeacher(np.zeros(1, dtype=np.int32), np.array([[0.5, 0.3, 0.1, 0.1]]), np.zeros(1))
    result = errors(dense, sparse([0.4, 0.2], 0.4, [0, 1]))
    np.testing.assert_allclose(result.total_variation, [0.1], rtol=1e-5)
    np.testing.assert_allclose(result.kl, [0.5 * np.log(5 / 4) + 0.3 * np.log(3 / 2) + 0.2 * np.log(2 / 4)], rtol=1e-5)
    np.testing.assert_allclose(result.tail, [0.4], rtol=1e-5)
    np.testing.assert_allclose(result.dense_tail, [0.2], rtol=1e-5)


def test_nothing_is_lost_with_the_whole_vocabulary() -> None:
    result = error_summary([errors(DENSE, as_stored(0, cut(V)))])
    assert result["total_variation_max"] < 1e-3
    assert 0 <= result["kl_nats_mean"] < 1e-4
    assert result["tail_mean"] < 1e-6
    assert result["dense_tail_mean"] < 1e-6


def test_errors_fall_as_k_grows() -> None:
    rows = [error_summary([errors(DENSE, as_stored(0, cut(top_k)))]) for top_k in (4, 8, 16, 32)]
    for key in ("total_variation_mean", "tail_mean", "dense_tail_mean"):
        values = [row[key] for row in rows]
        assert values == sorted(values, reverse=True)
    assert all(row["tail_mean"] >= row["dense_tail_mean"] - 1e-4 for row in rows)
    assert all(row["total_variation_max"] >= row["total_variation_mean"] for row in rows)


def test_a_teacher_agrees_with_itself_up_to_the_rounding() -> None:
    result = agreement_summary([agreement(as_stored(0, cut(8)), cut(8))])
    assert result["same_top_1_share"] == 1.0
    assert result["logprob_difference_max"] <= 2**-8 + 1e-9
    assert result["logprobs_compared"] > T


def test_only_likely_tokens_that_both_keep_are_compared() -> None:
    ids = np.array([[[7, 5, 9]]], dtype=np.int32)
    other = TaughtPassage(np.zeros(1, dtype=np.int32), average(ids, np.array([[[0.6, 0.2, 5e-5]]]), 3), np.zeros(1))
    found = agreement(sparse([0.3, 0.2, 1e-3], 0.4, [5, 7, 9]), other)
    np.testing.assert_allclose(found.differences, [np.log(0.3 / 0.2), np.log(0.6 / 0.2)], rtol=1e-5)
    assert found.same_top.tolist() == [False]
    assert agreement_summary([found])["logprob_difference_max"] == pytest.approx(np.log(3), rel=1e-5)
