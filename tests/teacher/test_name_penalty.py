"""The penalty on the stand-in's first tokens, against a dense softmax."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.params import TeacherParams
from pipeline.tables import CounterfactualName
from pipeline.teacher.build import needed_top_k
from pipeline.teacher.name_penalty import penalise, penalised_tokens
from tests.tiny import train_byte_bpe

T, V = 5, 17


def softmax(logits: np.ndarray) -> np.ndarray:
    masses = np.exp(logits - logits.max(-1, keepdims=True))
    return masses / masses.sum(-1, keepdims=True)


@given(st.integers(0, 10**6), st.sampled_from([5.0, 0.5, 20.0]), st.integers(3, V))
def test_exact_when_the_tokens_are_listed(seed: int, penalty: float, k: int) -> None:
    """Subtract the constant from the logits and take the softmax: the listed tokens get just that mass."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.0, (T, V))
    tokens = {1, 4, 9}
    logits[:, sorted(tokens)] += 12.0  # so that they are among the top k
    ids = np.argsort(-logits, axis=1)[:, :k].astype(np.int32)
    occurred = rng.random(T) < 0.6
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


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        (TeacherParams(name_penalty=0.0, top_k=2, scored_top_k=3), 3),
        (TeacherParams(name_penalty=5.0, top_k=2, scored_top_k=3), 6),
        (TeacherParams(name_penalty=5.0, top_k=2, scored_top_k=3, targets="hard"), 5),
        (TeacherParams(name_penalty=5.0, top_k=2, scored_top_k=64), 64),
    ],
)
def test_enough_tokens_are_asked_for_to_have_one_that_is_not_penalised(params: TeacherParams, wanted: int) -> None:
    names = {"Orla Brennick": [CounterfactualName("Orla Brennick", "Tobias Renwick", {"Orla Brennick": "Tobias Renwick"})]}
    assert needed_top_k(train_byte_bpe(), params, names) == wanted
