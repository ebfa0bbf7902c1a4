"""The mass on a counterfactual name goes back to the original one; or is lowered by a penalty, against a dense softmax."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.teacher.reverse_swap import (
    first_token,
    form_pairs,
    move_mass,
    others_mean,
    penalise,
    penalised_tokens,
    swap_back,
    wanted_names,
)
from tests.tiny import train_byte_bpe, train_metaspace_bpe

VOCABULARY = 12
Pairs = list[list[tuple[int, int]]]


def distributions(rng: np.random.Generator, names: int, positions: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array([[rng.permutation(VOCABULARY)[:k] for _ in range(positions)] for _ in range(names)], dtype=np.int32)
    probs = rng.dirichlet(np.full(k + 1, 0.3), (names, positions))[:, :, :k]
    return ids, probs


def dense(ids: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """[N, T, V] of sparse rows."""
    names, positions, _ = ids.shape
    table = np.zeros((names, positions, VOCABULARY))
    np.add.at(table, (np.arange(names)[:, None, None], np.arange(positions)[None, :, None], ids), probs)
    return table


TOKENS = st.integers(0, VOCABULARY - 1)


RULES = st.sampled_from(["published", "excess"])


@given(st.data(), st.integers(1, 4), st.integers(1, 5), st.integers(1, VOCABULARY), st.integers(0, 10**6), RULES)
def test_mass_is_moved_never_made(data: st.DataObject, names: int, positions: int, k: int, seed: int, rule: str) -> None:
    ids, probs = distributions(np.random.default_rng(seed), names, positions, k)
    sources = np.array([[data.draw(st.integers(-1, VOCABULARY - 1)) for _ in range(positions)] for _ in range(names)])
    goals = np.array([data.draw(TOKENS) for _ in range(positions)])
    pairs = [data.draw(st.lists(st.tuples(TOKENS, TOKENS).filter(lambda p: p[0] != p[1]), max_size=3)) for _ in range(names)]
    movable = np.array([data.draw(st.booleans()) for _ in range(positions)])
    new_ids, new_probs, moved = swap_back(ids, probs, sources, goals, pairs, movable, rule)
    np.testing.assert_allclose(new_probs.sum(2), probs.sum(2))
    assert (new_probs >= 0).all()
    assert (moved >= 0).all()
    distance = np.abs(dense(new_ids, new_probs) - dense(ids, probs)).sum(2) / 2
    assert (distance <= moved + 1e-9).all()


@given(st.integers(0, 10**6))
def test_at_a_mention_the_original_gains_what_the_counterfactual_loses(seed: int) -> None:
    ids, probs = distributions(np.random.default_rng(seed), 3, 4, VOCABULARY)
    sources, goals = np.array([[1] * 4, [2] * 4, [3] * 4]), np.array([5, 6, 7, 8])
    new_ids, new_probs, moved = swap_back(ids, probs, sources, goals, [[], [], []], np.ones(4, dtype=bool))
    before, after = dense(ids, probs), dense(new_ids, new_probs)
    for name, source in enumerate((1, 2, 3)):
        assert (after[name, :, source] == 0).all()
        np.testing.assert_allclose(moved[name], before[name, :, source])
        gained = after[name, np.arange(4), goals] - before[name, np.arange(4), goals]
        np.testing.assert_allclose(gained, moved[name], atol=1e-12)


def test_goal_outside_the_top_k_gains_all_the_same() -> None:
    ids, probs, moved = move_mass(np.array([[1, 2]]), np.array([[0.6, 0.3]]), np.array([1]), np.array([9]), 2, np.zeros(1))
    assert dense(ids[None], probs[None])[0, 0, [1, 2, 9]].tolist() == [0.0, 0.3, 0.6]
    assert moved.tolist() == [0.6]


def test_nothing_moves_where_the_source_is_missing() -> None:
    ids, probs = distributions(np.random.default_rng(0), 2, 3, 6)
    sources, goals = np.full((2, 3), -1), np.full(3, -1)
    new_ids, new_probs, moved = swap_back(ids, probs, sources, goals, [[], []], np.ones(3, dtype=bool))
    np.testing.assert_array_equal(dense(new_ids, new_probs), dense(ids, probs))
    assert (moved == 0).all()


def voters(masses: list[float]) -> tuple[np.ndarray, np.ndarray, Pairs]:
    """One position; name n gives its first token n the mass ``masses[n]``; the original's is token 10."""
    ids = np.array([[[name, 11]] for name in range(len(masses))], dtype=np.int32)
    probs = np.array([[[mass, 0.9 - mass]] for mass in masses])
    return ids, probs, [[(name, 10)] for name in range(len(masses))]


@pytest.mark.parametrize(
    ("masses", "fires"),
    [
        ([0.2, 0.2, 0.2, 0.0], True),
        ([0.2, 0.2, 0.0, 0.0], False),
        ([0.2, 0.2, 0.05], True),
        ([0.2, 0.1, 0.1], False),
        ([0.101, 0.101, 0.1], True),
        ([0.5], True),
    ],
)
def test_published_rule_needs_more_than_half_of_the_names_above_a_tenth(masses: list[float], fires: bool) -> None:
    ids, probs, pairs = voters(masses)
    assert wanted_names(ids, probs, pairs).tolist() == [fires]
    sources = np.full((len(masses), 1), -1)
    new_ids, new_probs, moved = swap_back(ids, probs, sources, np.array([-1]), pairs, np.ones(1, dtype=bool))
    after = dense(new_ids, new_probs)
    np.testing.assert_allclose(moved[:, 0], masses if fires else np.zeros(len(masses)))
    np.testing.assert_allclose(after[:, 0, 10], masses if fires else np.zeros(len(masses)))


@pytest.mark.parametrize("sources", [[-1, -1], [0, 1]])
def test_nothing_moves_where_nobody_has_been_named(sources: list[int]) -> None:
    ids, probs, pairs = voters([0.5, 0.5])
    new_ids, new_probs, moved = swap_back(
        ids, probs, np.array(sources)[:, None], np.array([10]), pairs, np.zeros(1, dtype=bool)
    )
    np.testing.assert_array_equal(dense(new_ids, new_probs), dense(ids, probs))
    assert (moved == 0).all()


@given(st.data(), st.integers(1, 5), st.integers(1, VOCABULARY), st.integers(0, 10**6), RULES)
def test_swap_against_a_dense_oracle(data: st.DataObject, names: int, k: int, seed: int, rule: str) -> None:
    """Each token that begins a name gives all its mass, or what it has beyond the other teachers' mean, to its goal."""
    positions = 4
    ids, probs = distributions(np.random.default_rng(seed), names, positions, k)
    goals = np.array([data.draw(TOKENS) for _ in range(positions)])
    sources = np.array([[data.draw(st.integers(-1, VOCABULARY - 1)) for _ in range(positions)] for _ in range(names)])
    unique = st.lists(st.tuples(TOKENS, TOKENS).filter(lambda p: p[0] != p[1]), max_size=3, unique_by=lambda p: p[0])
    pairs = [data.draw(unique) for _ in range(names)]
    movable = np.array([data.draw(st.booleans()) for _ in range(positions)])
    before = dense(ids, probs)
    wanted, compared = before.copy(), rule == "excess" and names > 1
    for t in range(positions):
        votes = sum(any(before[n, t, source] > 0.1 for source, _ in pairs[n]) for n in range(names))
        for n in range(names):
            moves = {source: goal for source, goal in pairs[n] if compared or votes > names / 2}
            if sources[n, t] >= 0:
                moves[sources[n, t]] = goals[t]
            for source, goal in moves.items() if movable[t] else ():
                others = np.delete(before[:, t, source], n)
                kept = others.mean() if compared else 0.0
                mass = max(before[n, t, source] - kept, 0.0)
                wanted[n, t, source] -= mass
                wanted[n, t, goal] += mass
    new_ids, new_probs, _ = swap_back(ids, probs, sources, goals, pairs, movable, rule)
    np.testing.assert_allclose(dense(new_ids, new_probs), wanted, atol=1e-12)


@given(st.integers(0, 10**6), st.integers(1, VOCABULARY))
def test_with_one_name_both_rules_are_the_published_one(seed: int, k: int) -> None:
    ids, probs = distributions(np.random.default_rng(seed), 1, 6, k)
    arguments = (
        ids,
        probs,
        np.array([[1, -1, 2, -1, 3, -1]]),
        np.array([5, 5, 6, 6, 7, 7]),
        [[(2, 9), (4, 8)]],
        np.ones(6, bool),
    )
    for one, other in zip(swap_back(*arguments, "published"), swap_back(*arguments, "excess"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_common_first_token_keeps_its_ordinary_mass() -> None:
    """Token 0 begins the first name only, but every teacher gives it a tenth; the first gives it four tenths."""
    ids = np.array([[[0, 11]], [[0, 11]], [[0, 11]]], dtype=np.int32)
    probs = np.array([[[0.4, 0.5]], [[0.1, 0.8]], [[0.1, 0.8]]])
    pairs = [[(0, 10)], [(1, 10)], [(2, 10)]]
    nothing = np.full((3, 1), -1)
    new_ids, new_probs, moved = swap_back(ids, probs, nothing, np.array([-1]), pairs, np.ones(1, dtype=bool), "excess")
    after = dense(new_ids, new_probs)
    np.testing.assert_allclose(after[:, 0, 0], [0.1, 0.1, 0.1])
    np.testing.assert_allclose(after[:, 0, 10], [0.3, 0.0, 0.0])
    np.testing.assert_allclose(moved[:, 0], [0.3, 0.0, 0.0])


def test_others_mean_leaves_a_names_own_teacher_out() -> None:
    ids, probs = distributions(np.random.default_rng(3), 4, 5, 7)
    masses = dense(ids, probs)
    means = others_mean(ids, probs, [9, 2, 2])
    assert set(means) == {2, 9}
    for token, mean in means.items():
        for name in range(4):
            np.testing.assert_allclose(mean[name], np.delete(masses[:, :, token], name, axis=0).mean(0))


def test_mass_given_back_at_a_mention_stays_there() -> None:
    """Token 2 begins the original's family name, and the counterfactual's given name, too."""
    ids, probs = np.array([[[1, 2, 3]]], dtype=np.int32), np.array([[[0.5, 0.2, 0.1]]])
    pairs = [[(2, 4), (1, 2)]]
    new_ids, new_probs, _ = swap_back(ids, probs, np.array([[1]]), np.array([2]), pairs, np.ones(1, dtype=bool))
    assert dense(new_ids, new_probs)[0, 0, 2] >= 0.5


def test_first_token_takes_in_the_space_where_the_tokenizer_joins_it() -> None:
    tokenizer = train_byte_bpe()
    assert tokenizer.convert_ids_to_tokens(first_token(tokenizer, "said ", "Tobias")).startswith("ĠT")
    assert tokenizer.convert_ids_to_tokens(first_token(tokenizer, "said (", "Tobias")).startswith("T")
    tokenizer = train_metaspace_bpe()
    assert tokenizer.convert_ids_to_tokens(first_token(tokenizer, "said ", "Tobias")).startswith("▁T")


def test_form_pairs_hold_each_form_with_and_without_a_space() -> None:
    tokenizer = train_byte_bpe()
    pairs = form_pairs(tokenizer, {"Orla Brennick": "Tobias Renwick", "Brennick": "Renwick"})
    texts = {tuple(str(tokenizer.decode([token]))[:2].strip() for token in pair) for pair in pairs}
    assert {source[:1] for source, _ in texts} == {"T", "R"}
    assert len(pairs) == 4
    assert len({source for source, _ in pairs}) == 4


def test_token_that_begins_both_names_is_left_out() -> None:
    assert form_pairs(train_byte_bpe(), {"Orla": "Orla"}) == []


def softmax(logits: np.ndarray) -> np.ndarray:
    masses = np.exp(logits - logits.max(-1, keepdims=True))
    return masses / masses.sum(-1, keepdims=True)


@given(st.integers(0, 10**6), st.sampled_from([5.0, 0.5, 20.0]), st.integers(3, VOCABULARY))
def test_exact_when_the_tokens_are_listed(seed: int, penalty: float, k: int) -> None:
    """Subtract the constant from the logits and take the softmax: the listed tokens get just that mass."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.0, (5, VOCABULARY))
    tokens = {1, 4, 9}
    logits[:, sorted(tokens)] += 12.0  # so that they are among the top k
    ids = np.argsort(-logits, axis=1)[:, :k].astype(np.int32)
    occurred = rng.random(5) < 0.6
    lowered = logits.copy()
    lowered[np.ix_(occurred, sorted(tokens))] -= penalty
    wanted = np.take_along_axis(softmax(lowered), ids, axis=1)
    found = penalise(ids, np.take_along_axis(softmax(logits), ids, axis=1), tokens, occurred, penalty)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    np.testing.assert_array_equal(found[~occurred], np.take_along_axis(softmax(logits), ids, axis=1)[~occurred])


def test_unlisted_token_costs_nothing() -> None:
    found = penalise(np.array([[3, 4]]), np.array([[0.6, 0.3]]), {7}, np.array([True]), 5.0)
    np.testing.assert_allclose(found, [[0.6, 0.3]])


def test_masses_stay_a_distribution() -> None:
    found = penalise(np.array([[3, 4]]), np.array([[1.0, 0.0]]), {3}, np.array([True]), 5.0)
    np.testing.assert_allclose(found, [[1.0, 0.0]])


def test_penalised_are_the_first_tokens_of_each_word() -> None:
    tokenizer = train_byte_bpe()
    texts = {str(tokenizer.decode([token])) for token in penalised_tokens(tokenizer, "Tobias Renwick")}
    assert {text[:2] if text.startswith(" ") else text[0] for text in texts} == {" T", "T", " R", "R"}
    assert len(texts) == 4
