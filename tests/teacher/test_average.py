"""The averaged distribution against a dense one."""

import numpy as np
import pytest

from pipeline.teacher.average import average, hardened

N, T, V = 5, 7, 23


def sparse(k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each name's k most probable tokens, and the dense distributions [N, T, V] they come from."""
    dense = np.random.default_rng(seed).dirichlet(np.full(V, 0.4), (N, T))
    ids = np.argsort(-dense, axis=2)[:, :, :k].astype(np.int32)
    return ids, np.take_along_axis(dense, ids, axis=2), dense


def scattered(ids: np.ndarray, probs: np.ndarray) -> np.ndarray:
    table = np.zeros((N, T, V))
    np.add.at(table, (np.arange(N)[:, None, None], np.arange(T)[None, :, None], ids), probs)
    return table


@pytest.mark.parametrize(("k", "top_k"), [(8, 8), (8, 3), (V, 5), (12, 1)])
def test_mean_and_top_k_are_those_of_the_dense_table(k: int, top_k: int) -> None:
    ids, probs, _ = sparse(k)
    mean = scattered(ids, probs).mean(0)
    order = np.argsort(-mean, axis=1)[:, :top_k]
    result = average(ids, probs, top_k)
    np.testing.assert_array_equal(result.ids, order)
    np.testing.assert_allclose(np.exp(result.logprobs), np.take_along_axis(mean, order, axis=1))
    np.testing.assert_allclose(np.exp(result.tail_logprob), 1 - np.take_along_axis(mean, order, axis=1).sum(1))


def test_whole_vocabulary_leaves_no_tail_and_gives_the_dense_values() -> None:
    ids, probs, dense = sparse(V)
    result = average(ids, probs, V)
    mean = dense.mean(0)
    assert (np.sort(result.ids, axis=1) == np.arange(V)).all()
    assert (np.exp(result.tail_logprob) < 1e-9).all()
    np.testing.assert_allclose(result.entropy, -(mean * np.log(mean)).sum(1), rtol=1e-6)
    np.testing.assert_allclose(result.disagreement, (dense * np.log(dense / mean)).sum(2).mean(0), rtol=1e-6, atol=1e-8)


def test_cut_values_are_lower_bounds() -> None:
    ids, probs, dense = sparse(V)
    result, mean = average(ids, probs, 4), dense.mean(0)
    assert (result.entropy < -(mean * np.log(mean)).sum(1)).all()
    assert (result.disagreement < (dense * np.log(dense / mean)).sum(2).mean(0)).all()
    assert (result.entropy > 0).all()
    assert (result.disagreement > 0).all()


def test_masses_of_an_id_that_stands_twice_add() -> None:
    ids = np.array([[[3, 1, 3]], [[3, 1, 2]]], dtype=np.int32)
    result = average(ids, np.array([[[0.2, 0.4, 0.3]], [[0.5, 0.1, 0.1]]]), 2)
    assert result.ids.tolist() == [[3, 1]]
    np.testing.assert_allclose(np.exp(result.logprobs), [[0.5, 0.25]])
    np.testing.assert_allclose(np.exp(result.tail_logprob), [0.25])


def test_chosen_tokens_are_kept_whatever_their_mass() -> None:
    ids = np.array([[[9, 4, 7, 2]], [[9, 4, 7, 3]]], dtype=np.int32)
    probs = np.array([[[0.4, 0.3, 0.2, 0.1]], [[0.4, 0.3, 0.2, 0.08]]])
    result = average(ids, probs, 4, np.array([[3, 11, 3]]))
    assert result.ids.tolist() == [[9, 4, 3, 11]], "two that were chosen, the two most probable others"
    np.testing.assert_allclose(np.exp(result.logprobs), [[0.4, 0.3, 0.04, 0.0]], atol=1e-11)
    np.testing.assert_allclose(np.exp(result.tail_logprob), [0.26])
    same = average(ids, probs, 4, np.array([[9]]))
    np.testing.assert_array_equal(same.ids, average(ids, probs, 4).ids)


def test_ties_are_broken_by_id() -> None:
    ids = np.array([[[9, 4, 7, 2]]], dtype=np.int32)
    assert average(ids, np.full((1, 1, 4), 0.25), 4).ids.tolist() == [[2, 4, 7, 9]]
    assert average(ids, np.array([[[0.1, 0.2, 0.2, 0.1]]]), 3).ids.tolist() == [[4, 7, 2]]


def test_one_name_agrees_with_itself() -> None:
    ids, probs, _ = sparse(V)
    np.testing.assert_allclose(average(ids[:1], probs[:1], 6).disagreement, 0.0, atol=1e-12)


def test_names_that_share_nothing_disagree_by_the_log_of_their_number() -> None:
    result = average(np.array([[[0]], [[1]]], dtype=np.int32), np.ones((2, 1, 1)), 2)
    np.testing.assert_allclose(result.disagreement, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(result.entropy, np.log(2), rtol=1e-6)


def test_hard_targets_are_the_most_probable_token_alone() -> None:
    ids, probs, _ = sparse(8)
    soft = average(ids, probs, 5)
    hard = hardened(soft)
    np.testing.assert_array_equal(hard.ids, soft.ids[:, :1])
    assert (np.exp(hard.logprobs) == 1.0).all()
    assert hard.logprobs.shape == (T, 1)
    assert (np.exp(hard.tail_logprob) < 1e-9).all()
    np.testing.assert_array_equal(hard.entropy, soft.entropy)
    np.testing.assert_array_equal(hard.disagreement, soft.disagreement)


def test_loss_of_hard_targets_is_the_cross_entropy() -> None:
    import torch

    from pipeline.distill.loss import bucketed_kl

    ids, probs, _ = sparse(8)
    hard = hardened(average(ids, probs, 5))
    logits = torch.randn(T, V, generator=torch.Generator().manual_seed(0), requires_grad=True)
    stored = torch.from_numpy(hard.logprobs.astype(np.float16)), torch.from_numpy(hard.tail_logprob.astype(np.float32))
    loss = bucketed_kl(logits, torch.from_numpy(hard.ids.astype(np.int64)), *stored)
    wanted = torch.nn.functional.cross_entropy(logits, torch.from_numpy(hard.ids[:, 0].astype(np.int64)), reduction="none")
    torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad(loss.sum(), logits, retain_graph=True)
    (wanted_gradient,) = torch.autograd.grad(wanted.sum(), logits)
    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-4, atol=1e-6)
