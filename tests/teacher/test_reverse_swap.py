"""The mass on a counterfactual name goes back to the original one, against a dense oracle."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.teacher.reverse_swap import first_token, form_pairs, penalised_tokens, swap_back, wanted_names
from tests.teacher.oracle import Pairs, swapped
from tests.tiny import train_byte_bpe, train_metaspace_bpe

VOCABULARY = 12
WHOLE = np.arange(VOCABULARY)
TOKENS = st.integers(0, VOCABULARY - 1)
RULES = st.sampled_from(["published", "excess"])


def distributions(rng: np.random.Generator, names: int, positions: int) -> np.ndarray:
    return rng.dirichlet(np.full(VOCABULARY, 0.3), (names, positions))


def masses(rows: Sequence[dict[int, float]]) -> np.ndarray:
    """One position, a row a name, [N, 1, V]."""
    table = np.zeros((len(rows), 1, VOCABULARY))
    for name, row in enumerate(rows):
        for token, mass in row.items():
            table[name, 0, token] = mass
    return table


def swap(
    probs_NTV: np.ndarray, sources_NT: np.ndarray, goals_T: np.ndarray, pairs: Pairs, movable_T: np.ndarray, rule: str
) -> tuple[np.ndarray, np.ndarray]:
    """swap_back on the tokens that it may touch alone, its result put back into the whole table."""
    touched = [token for one in pairs for pair in one for token in pair]
    tokens_S = np.unique(np.concatenate([np.array(touched, dtype=np.int64), sources_NT.ravel(), goals_T]))
    tokens_S = tokens_S[tokens_S >= 0]
    after_NTS, moved_NT = swap_back(probs_NTV[:, :, tokens_S], tokens_S, sources_NT, goals_T, pairs, movable_T, rule)
    after_NTV = probs_NTV.copy()
    after_NTV[:, :, tokens_S] = after_NTS
    return after_NTV, moved_NT


@given(st.data(), st.integers(1, 4), st.integers(1, 5), st.integers(0, 10**6), RULES)
def test_mass_is_moved_never_made(data: st.DataObject, names: int, positions: int, seed: int, rule: str) -> None:
    probs = distributions(np.random.default_rng(seed), names, positions)
    sources = np.array([[data.draw(st.integers(-1, VOCABULARY - 1)) for _ in range(positions)] for _ in range(names)])
    goals = np.array([data.draw(TOKENS) for _ in range(positions)])
    unique = st.lists(st.tuples(TOKENS, TOKENS).filter(lambda p: p[0] != p[1]), max_size=3, unique_by=lambda p: p[0])
    pairs = [data.draw(unique) for _ in range(names)]
    movable = np.array([data.draw(st.booleans()) for _ in range(positions)])
    before = probs.copy()
    after, moved = swap(probs, sources, goals, pairs, movable, rule)
    np.testing.assert_array_equal(probs, before, "the masses given are left as they are")
    np.testing.assert_allclose(after.sum(2), probs.sum(2))
    assert (after >= -1e-15).all()
    assert (moved >= 0).all()
    distance = np.abs(after - probs).sum(2) / 2
    assert (distance <= moved + 1e-9).all()


@given(st.integers(0, 10**6))
def test_at_a_mention_the_original_gains_what_the_counterfactual_loses(seed: int) -> None:
    before = distributions(np.random.default_rng(seed), 3, 4)
    sources, goals = np.array([[1] * 4, [2] * 4, [3] * 4]), np.array([5, 6, 7, 8])
    after, moved = swap_back(before, WHOLE, sources, goals, [[], [], []], np.ones(4, dtype=bool))
    for name, source in enumerate((1, 2, 3)):
        assert (after[name, :, source] == 0).all()
        np.testing.assert_allclose(moved[name], before[name, :, source])
        gained = after[name, np.arange(4), goals] - before[name, np.arange(4), goals]
        np.testing.assert_allclose(gained, moved[name], atol=1e-12)


def test_goal_without_mass_gains_all_the_same() -> None:
    before = masses([{1: 0.6, 2: 0.3}])
    after, moved = swap_back(before, WHOLE, np.array([[1]]), np.array([9]), [[]], np.ones(1, dtype=bool))
    assert after[0, 0, [1, 2, 9]].tolist() == [0.0, 0.3, 0.6]
    assert moved.tolist() == [[0.6]]


def test_nothing_moves_where_the_source_is_missing() -> None:
    before = distributions(np.random.default_rng(0), 2, 3)
    sources, goals = np.full((2, 3), -1), np.full(3, -1)
    after, moved = swap_back(before, WHOLE, sources, goals, [[], []], np.ones(3, dtype=bool))
    np.testing.assert_array_equal(after, before)
    assert (moved == 0).all()


def test_nothing_to_touch_moves_nothing() -> None:
    empty = np.zeros((2, 3, 0))
    after, moved = swap_back(
        empty, np.zeros(0, dtype=np.int64), np.full((2, 3), -1), np.full(3, -1), [[], []], np.ones(3, dtype=bool)
    )
    assert after.shape == (2, 3, 0)
    assert (moved == 0).all()


def voters(wanted: list[float]) -> tuple[np.ndarray, Pairs]:
    """One position; name n gives its first token n the mass ``wanted[n]``; the original's is token 10."""
    return masses([{name: mass, 11: 0.9 - mass} for name, mass in enumerate(wanted)]), [[(n, 10)] for n in range(len(wanted))]


@pytest.mark.parametrize(
    ("wanted", "fires"),
    [
        ([0.2, 0.2, 0.2, 0.0], True),
        ([0.2, 0.2, 0.0, 0.0], False),
        ([0.2, 0.2, 0.05], True),
        ([0.2, 0.1, 0.1], False),
        ([0.101, 0.101, 0.1], True),
        ([0.5], True),
    ],
)
def test_published_rule_needs_more_than_half_of_the_names_above_a_tenth(wanted: list[float], fires: bool) -> None:
    before, pairs = voters(wanted)
    assert wanted_names(before, WHOLE, pairs).tolist() == [fires]
    sources = np.full((len(wanted), 1), -1)
    after, moved = swap_back(before, WHOLE, sources, np.array([-1]), pairs, np.ones(1, dtype=bool))
    np.testing.assert_allclose(moved[:, 0], wanted if fires else np.zeros(len(wanted)))
    np.testing.assert_allclose(after[:, 0, 10], wanted if fires else np.zeros(len(wanted)))


@pytest.mark.parametrize("sources", [[-1, -1], [0, 1]])
def test_nothing_moves_where_nobody_has_been_named(sources: list[int]) -> None:
    before, pairs = voters([0.5, 0.5])
    after, moved = swap_back(before, WHOLE, np.array(sources)[:, None], np.array([10]), pairs, np.zeros(1, dtype=bool))
    np.testing.assert_array_equal(after, before)
    assert (moved == 0).all()


@given(st.data(), st.integers(1, 5), st.integers(0, 10**6), RULES)
def test_swap_against_a_dense_oracle(data: st.DataObject, names: int, seed: int, rule: str) -> None:
    """Each token that begins a name gives all its mass, or what it has beyond the other teachers' mean, to its goal."""
    positions = 4
    before = distributions(np.random.default_rng(seed), names, positions)
    goals = np.array([data.draw(TOKENS) for _ in range(positions)])
    sources = np.array([[data.draw(st.integers(-1, VOCABULARY - 1)) for _ in range(positions)] for _ in range(names)])
    unique = st.lists(st.tuples(TOKENS, TOKENS).filter(lambda p: p[0] != p[1]), max_size=3, unique_by=lambda p: p[0])
    pairs = [data.draw(unique) for _ in range(names)]
    movable = np.array([data.draw(st.booleans()) for _ in range(positions)])
    wanted, wanted_moved = swapped(before, sources, goals, pairs, movable, rule)
    for after, moved in (
        swap_back(before, WHOLE, sources, goals, pairs, movable, rule),
        swap(before, sources, goals, pairs, movable, rule),
    ):
        np.testing.assert_allclose(after, wanted, atol=1e-12)
        np.testing.assert_allclose(moved, wanted_moved, atol=1e-12)


@given(st.integers(0, 10**6))
def test_with_one_name_both_rules_are_the_published_one(seed: int) -> None:
    arguments = (
        distributions(np.random.default_rng(seed), 1, 6),
        WHOLE,
        np.array([[1, -1, 2, -1, 3, -1]]),
        np.array([5, 5, 6, 6, 7, 7]),
        [[(2, 9), (4, 8)]],
        np.ones(6, bool),
    )
    for one, other in zip(swap_back(*arguments, "published"), swap_back(*arguments, "excess"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_common_first_token_keeps_its_ordinary_mass() -> None:
    """Token 0 begins the first name only, but every teacher gives it a tenth; the first gives it four tenths."""
    before = masses([{0: 0.4, 11: 0.5}, {0: 0.1, 11: 0.8}, {0: 0.1, 11: 0.8}])
    pairs = [[(0, 10)], [(1, 10)], [(2, 10)]]
    after, moved = swap_back(before, WHOLE, np.full((3, 1), -1), np.array([-1]), pairs, np.ones(1, dtype=bool), "excess")
    np.testing.assert_allclose(after[:, 0, 0], [0.1, 0.1, 0.1])
    np.testing.assert_allclose(after[:, 0, 10], [0.3, 0.0, 0.0])
    np.testing.assert_allclose(moved[:, 0], [0.3, 0.0, 0.0])


def test_excess_leaves_a_names_own_teacher_out_of_the_mean() -> None:
    before = distributions(np.random.default_rng(3), 4, 5)
    nothing, pairs = np.full((4, 5), -1), [[(9, 0)], [(2, 0)], [(2, 0)], []]
    after, moved = swap_back(before, WHOLE, nothing, np.full(5, -1), pairs, np.ones(5, dtype=bool), "excess")
    for name, token in enumerate((9, 2, 2)):
        others = np.delete(before[:, :, token], name, axis=0).mean(0)
        np.testing.assert_allclose(after[name, :, token], np.minimum(before[name, :, token], others))
        np.testing.assert_allclose(moved[name], (before[name, :, token] - others).clip(0.0))
    np.testing.assert_array_equal(after[3], before[3])


def test_mass_given_back_at_a_mention_stays_there() -> None:
    """Token 2 begins the original's family name, and the counterfactual's given name, too."""
    before, pairs = masses([{1: 0.5, 2: 0.2, 3: 0.1}]), [[(2, 4), (1, 2)]]
    after, _ = swap_back(before, WHOLE, np.array([[1]]), np.array([2]), pairs, np.ones(1, dtype=bool))
    assert after[0, 0, 2] == pytest.approx(0.5)


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


def test_penalised_are_the_first_tokens_of_each_word() -> None:
    tokenizer = train_byte_bpe()
    texts = {str(tokenizer.decode([token])) for token in penalised_tokens(tokenizer, "Tobias Renwick")}
    assert {text[:2] if text.startswith(" ") else text[0] for text in texts} == {" T", "T", " R", "R"}
    assert len(texts) == 4
