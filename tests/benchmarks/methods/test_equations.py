"""Every equation against numpy, its gradient too, and what the papers say of it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.methods import params
from benchmarks.methods.equations import Equation, equation_of
from benchmarks.methods.equations.altpo import AlternatePreference
from benchmarks.methods.equations.gradient_ascent import GradientAscent
from benchmarks.methods.equations.gradient_difference import GradientDifference
from benchmarks.methods.equations.npo import NegativePreference
from benchmarks.methods.equations.simnpo import SimpleNegativePreference
from benchmarks.methods.example import KINDS
from benchmarks.methods.params import BaselineParams

WEIGHT, BETA, GAMMA, FORGET_WEIGHT = 0.7, 0.3, 0.4, 0.6
FEW = ("forget", "alternate", "retain", "forget", "alternate", "forget", "alternate", "retain")
KIND = np.array([KINDS.index(kind) for kind in FEW])
FORGET, RETAIN, ALTERNATE = (KINDS.index(kind) == KIND for kind in ("forget", "retain", "alternate"))
TOKENS = np.array([12, 10, 30, 5, 7, 21, 20, 9])
LOGPROB = np.array([-20.0, -18.0, -75.0, -11.0, -16.0, -60.0, -30.0, -16.0])
REFERENCE = np.array([-14.0, -15.0, 0.0, -12.0, -18.0, -40.0, -33.0, 0.0])


def equation(name: str, retain_weight: float = 0.0, **values: float) -> Equation:
    return equation_of(BaselineParams.model_validate({"objective": name, "retain_weight": retain_weight, **values}))


EQUATIONS = {name: equation(name, WEIGHT, beta=BETA, gamma=GAMMA, forget_weight=FORGET_WEIGHT) for name in params.EQUATIONS}


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.log(1 + np.exp(-x))


def oracle(name: str, logprob: np.ndarray) -> float:
    """The step's loss as the papers write it, sequence by sequence, float64."""
    forget = [(p, n, r) for p, n, r, f in zip(logprob, TOKENS, REFERENCE, FORGET, strict=True) if f]
    wanted = [p - r for p, r, a in zip(logprob, REFERENCE, ALTERNATE, strict=True) if a]
    retain_nll = -sum(logprob[RETAIN]) / sum(TOKENS[RETAIN])
    if name in ("gradient_ascent", "gradient_difference"):
        ascent = FORGET_WEIGHT * sum(p for p, _, _ in forget) / sum(n for _, n, _ in forget)
        return ascent if name == "gradient_ascent" else ascent + WEIGHT * retain_nll
    if name == "npo":
        each = [-2 / BETA * log_sigmoid(-BETA * (p - r)) for p, _, r in forget]
    elif name == "altpo":
        each = [-2 / BETA * log_sigmoid(BETA * (a - (p - r))) for a, (p, _, r) in zip(wanted, forget, strict=True)]
    else:
        each = [-2 / BETA * log_sigmoid(-(BETA / n) * p - GAMMA) for p, n, _ in forget]
    return float(FORGET_WEIGHT * np.mean(each) + WEIGHT * retain_nll)


def loss_and_gradient(
    one: Equation,
    logprob: np.ndarray = LOGPROB,
    reference: np.ndarray = REFERENCE,
    cut: int = len(LOGPROB),
    tokens: np.ndarray = TOKENS,
    kind: np.ndarray = KIND,
) -> tuple[float, np.ndarray]:
    """The step's loss, its sequences before and after ``cut`` in two micro-batches, and its gradient by log-probability."""
    tokens_S, kind_S = torch.tensor(tokens), torch.tensor(kind)
    logprob_S = torch.tensor(logprob, dtype=torch.float32, requires_grad=True)
    reference_S = torch.tensor(reference, dtype=torch.float32)
    share_S = one.shares(tokens_S, kind_S)
    loss = torch.zeros(())
    for part in (slice(0, cut), slice(cut, None)):
        terms = one.terms(logprob_S[part], tokens_S[part], kind_S[part], reference_S[part])
        loss = loss + (terms * share_S[part]).sum()
    loss.backward()
    assert logprob_S.grad is not None
    return float(loss.detach()), logprob_S.grad.numpy()


@pytest.mark.parametrize("name", EQUATIONS)
def test_loss_and_gradient_are_the_papers(name: str) -> None:
    loss, gradient = loss_and_gradient(EQUATIONS[name])
    assert loss == pytest.approx(oracle(name, LOGPROB), rel=1e-5)
    step = 1e-4
    for index, moved in enumerate(np.eye(len(LOGPROB)) * step):
        slope = (oracle(name, LOGPROB + moved) - oracle(name, LOGPROB - moved)) / (2 * step)
        assert gradient[index] == pytest.approx(slope, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("name", EQUATIONS)
def test_descent_makes_forget_text_less_likely_and_retain_text_more(name: str) -> None:
    _, gradient = loss_and_gradient(EQUATIONS[name])
    assert (gradient[FORGET] > 0).all()
    assert (gradient[RETAIN] == 0).all() if name == "gradient_ascent" else (gradient[RETAIN] < 0).all()
    assert (gradient[ALTERNATE] < 0).all() if name == "altpo" else (gradient[ALTERNATE] == 0).all()


@pytest.mark.parametrize("name", EQUATIONS)
@pytest.mark.parametrize("cut", [2, 3, 5])  # not between a forget sequence and its alternate
def test_micro_batches_change_nothing(name: str, cut: int) -> None:
    whole, whole_gradient = loss_and_gradient(EQUATIONS[name])
    parts, parts_gradient = loss_and_gradient(EQUATIONS[name], cut=cut)
    assert parts == pytest.approx(whole, rel=1e-5)
    np.testing.assert_allclose(parts_gradient, whole_gradient, rtol=1e-6)


@pytest.mark.parametrize("name", EQUATIONS)
def test_a_step_without_retain_sequences_has_the_forget_term_alone(name: str) -> None:
    loss, gradient = loss_and_gradient(
        EQUATIONS[name], LOGPROB[~RETAIN], REFERENCE[~RETAIN], tokens=TOKENS[~RETAIN], kind=KIND[~RETAIN]
    )
    both, both_gradient = loss_and_gradient(EQUATIONS[name])
    retain = 0.0 if name == "gradient_ascent" else WEIGHT * -LOGPROB[RETAIN].sum() / TOKENS[RETAIN].sum()
    assert loss == pytest.approx(both - retain, rel=1e-5)
    np.testing.assert_allclose(gradient, both_gradient[~RETAIN], rtol=1e-6)


def forget_gradient(one: Equation, logprob: float, tokens: int = 10, reference: float = -20.0) -> float:
    """Of a step of one sequence."""
    (gradient,) = loss_and_gradient(one, np.array([logprob]), np.array([reference]), 1, np.array([tokens]), KIND[:1])[1]
    return float(gradient)


def test_altpo_without_a_pull_is_npo() -> None:
    still = np.where(ALTERNATE, REFERENCE, LOGPROB)
    ours, npo = (loss_and_gradient(EQUATIONS[name], still) for name in ("altpo", "npo"))
    assert ours[0] == pytest.approx(npo[0], rel=1e-6)
    np.testing.assert_allclose(ours[1][~ALTERNATE], npo[1][~ALTERNATE], rtol=1e-6)
    np.testing.assert_allclose(ours[1][ALTERNATE], -npo[1][FORGET], rtol=1e-6)  # each pulled as hard as its text is pushed


def test_npo_is_gradient_ascent_as_beta_vanishes() -> None:
    ascent = loss_and_gradient(EQUATIONS["gradient_ascent"])[1]
    near, far = (loss_and_gradient(equation("npo", beta=beta))[1] for beta in (1e-5, 0.3))
    # NPO's mean is over sequences, the ascent's over tokens: the same direction at another length.
    assert near[FORGET] == pytest.approx(np.full(3, 1 / 3), rel=1e-3)
    np.testing.assert_allclose(near / np.linalg.norm(near), ascent / np.linalg.norm(ascent), rtol=1e-3)
    assert np.abs(far[FORGET] - 1 / 3).max() > 0.1


def test_simnpo_is_gradient_ascent_a_token_as_beta_vanishes() -> None:
    gradient = loss_and_gradient(equation("simnpo", beta=1e-5))[1]
    assert gradient[FORGET] == pytest.approx(1 / 3 / TOKENS[FORGET], rel=1e-3)


@pytest.mark.parametrize("name", ["npo", "simnpo"])
def test_gradient_vanishes_as_the_text_becomes_impossible(name: str) -> None:
    at = [forget_gradient(EQUATIONS[name], logprob) for logprob in (-20, -100, -1e4, -1e9)]
    assert at == sorted(at, reverse=True)
    assert at[0] > 0
    assert at[-1] == 0
    ascent = [forget_gradient(EQUATIONS["gradient_ascent"], logprob) for logprob in (-20, -1e9)]
    assert ascent[0] == ascent[1]


@given(st.floats(0.01, 10), st.floats(-500, -1))
def test_npo_starts_at_two_log_two_over_beta_with_the_gradient_of_ascent(beta: float, logprob: float) -> None:
    one = equation("npo", beta=beta)
    loss, gradient = loss_and_gradient(one, np.array([logprob]), np.array([logprob]), 1, np.array([9]), KIND[:1])
    assert loss == pytest.approx(2 / beta * np.log(2), rel=1e-5)
    assert gradient == pytest.approx([1.0], rel=1e-5)


@given(st.floats(0.01, 10), st.floats(-80, 0), st.floats(-80, 0))
def test_npo_weight_is_that_of_the_paper(beta: float, logprob: float, reference: float) -> None:
    p = np.exp(beta * np.clip(logprob - reference, -60 / beta, 60 / beta))
    ours = forget_gradient(equation("npo", beta=beta), logprob, reference=reference)
    assert ours == pytest.approx(2 * p / (p + 1), rel=1e-3, abs=1e-6)


def test_a_margin_asks_simnpo_for_less_likely_text() -> None:
    without, with_margin = (forget_gradient(equation("simnpo", beta=2.0, gamma=gamma), -20.0) for gamma in (0.0, 1.0))
    assert with_margin > without


@pytest.mark.parametrize("name", ["npo", "altpo", "simnpo"])
@pytest.mark.parametrize("logprob", [0.0, -1e6])
def test_equations_stay_finite_where_sigmoids_saturate(name: str, logprob: float) -> None:
    reference = np.where(ALTERNATE, logprob, -5e5)
    loss, gradient = loss_and_gradient(equation(name, 1.0, beta=10.0), np.full(8, logprob), reference)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


def test_params_name_the_equation_by_its_file() -> None:
    assert params.EQUATIONS == ("altpo", "gradient_ascent", "gradient_difference", "npo", "simnpo")
    assert [type(EQUATIONS[name]) for name in EQUATIONS] == [
        AlternatePreference,
        GradientAscent,
        GradientDifference,
        NegativePreference,
        SimpleNegativePreference,
    ]
    assert {name for name in EQUATIONS if EQUATIONS[name].needs_reference} == {"altpo", "npo"}
    assert equation("gradient_ascent", retain_weight=3.0).retain_weight == 0


@pytest.mark.parametrize(("name", "published"), [("npo", 0.1), ("altpo", 0.1), ("simnpo", 4.5)])
def test_beta_is_the_published_one_unless_it_is_given(name: str, published: float) -> None:
    losses = [loss_and_gradient(equation(name, beta=beta))[0] for beta in (0.0, published, 2.5)]
    assert losses[0] == losses[1] != losses[2]
