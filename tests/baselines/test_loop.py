"""Training a small model with every objective."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.baselines.examples import Example, make_examples
from pipeline.baselines.logprobs import sequence_logprobs
from pipeline.baselines.loop import accumulate, train
from pipeline.baselines.params import BaselineParams
from pipeline.baselines.registry import objective_of
from pipeline.distill.student import Student
from pipeline.errors import InputError
from pipeline.params import RuntimeParams
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.segments import Segment
from pipeline.tables import Passage
from pipeline.tokenizer import load_tokenizer
from tests.project import DOCUMENT, LEARNING_RATE

RUNTIME = RuntimeParams(micro_batch_tokens=128, logit_chunk=32)
PROMPTS = ("", "Complete the following passage about {name}.")
PARAMS = BaselineParams(
    learning_rate=LEARNING_RATE, epochs=2, passages_per_step=4, beta=0.5, retain_per_forget=1.0, prompts=PROMPTS
)
OBJECTIVES = ("gradient_ascent", "gradient_difference", "npo", "simnpo")


@pytest.fixture(scope="module")
def examples(tiny_model: Path) -> list[Example]:
    target = Target("Orla Brennick", "person", ("Orla Brennick", "Brennick"), (DOCUMENT,))
    retain = [Passage("Town", "retain", (Segment(f"Town number {n} has a mill and a bridge.", False),)) for n in range(8)]
    return make_examples(load_tokenizer(tiny_model), [*forget_passages([target]), *retain], PARAMS)


def nll(student: Student, examples: list[Example], kind: str) -> float:
    chosen = [example for example in examples if example.kind == kind]
    with torch.no_grad():
        return float(-sequence_logprobs(student, chosen, 64).sum()) / sum(example.tokens for example in chosen)


@pytest.fixture(scope="module")
def trained(tiny_model: Path, examples: list[Example]) -> dict[str, tuple[Student, list[dict[str, float]]]]:
    """Each objective's student and curve."""
    found = {}
    for objective in OBJECTIVES:
        student = Student(tiny_model, "cpu")
        found[objective] = student, train(student, examples, replace(PARAMS, objective=objective), RUNTIME, seed=0)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_forget_text_becomes_less_likely(
    objective: str,
    trained: dict[str, tuple[Student, list[dict[str, float]]]],
    examples: list[Example],
    tiny_model: Path,
) -> None:
    student, curve = trained[objective]
    assert nll(student, examples, "forget") > nll(Student(tiny_model, "cpu"), examples, "forget") + 0.1
    assert [row["step"] for row in curve] == list(range(6))
    assert [row["epoch"] for row in curve] == [0] * 3 + [1] * 3
    assert all(math.isfinite(value) for row in curve for value in row.values())
    keys = {"step", "epoch", "learning_rate", "grad_norm", "loss", "forget_nll"}
    assert all(row.keys() == (keys if objective == "gradient_ascent" else keys | {"retain_nll"}) for row in curve)


@pytest.mark.parametrize("objective", ["gradient_difference", "npo", "simnpo"])
def test_the_retain_term_keeps_retain_text_likelier_than_ascent_does(
    objective: str, trained: dict[str, tuple[Student, list[dict[str, float]]]], examples: list[Example]
) -> None:
    kept, lost = (nll(trained[name][0], examples, "retain") for name in (objective, "gradient_ascent"))
    assert kept < lost


@pytest.mark.parametrize("objective", ["gradient_ascent", "npo"])
def test_same_seed_same_curve(
    objective: str,
    trained: dict[str, tuple[Student, list[dict[str, float]]]],
    examples: list[Example],
    tiny_model: Path,
) -> None:
    params = replace(PARAMS, objective=objective)  # type: ignore[arg-type]
    again = Student(tiny_model, "cpu")
    assert train(again, examples, params, RUNTIME, seed=0) == trained[objective][1]
    ours = trained[objective][0].model.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in again.model.state_dict().items())
    assert train(Student(tiny_model, "cpu"), examples, params, RUNTIME, seed=1) != trained[objective][1]


def test_npo_starts_at_two_log_two_over_beta(trained: dict[str, tuple[Student, list[dict[str, float]]]]) -> None:
    first = trained["npo"][1][0]
    assert first["loss"] - PARAMS.retain_weight * first["retain_nll"] == pytest.approx(2 / PARAMS.beta * math.log(2), rel=1e-3)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_micro_batches_do_not_change_a_step(objective: str, examples: list[Example], tiny_model: Path) -> None:
    student = Student(tiny_model, "cpu")
    chosen = objective_of(replace(PARAMS, objective=objective))  # type: ignore[arg-type]
    step = [*examples[:5], *examples[-3:]]
    reference = torch.from_numpy(np.random.default_rng(0).uniform(-300, -100, len(step)).astype(np.float32))
    results = []
    for tokens in (1, 100, 10_000):
        losses = accumulate(student, step, chosen, reference, RuntimeParams(micro_batch_tokens=tokens, logit_chunk=32))
        results.append((losses, [w.grad.clone() for w in student.model.parameters() if w.grad is not None]))
        student.model.zero_grad(set_to_none=True)
    (whole, gradient), *others = results
    assert max(float(part.abs().max()) for part in gradient) > 1e-3
    for losses, other in others:
        assert losses == pytest.approx(whole, rel=1e-4)
        for one, two in zip(gradient, other, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)
    assert whole["forget_nll"] == pytest.approx(nll(student, step, "forget"), rel=1e-4)
    assert whole["retain_nll"] == pytest.approx(nll(student, step, "retain"), rel=1e-4)


def test_retain_weight_zero_reads_no_retain_text(examples: list[Example], tiny_model: Path) -> None:
    forget = [example for example in examples if example.kind == "forget"]
    params = replace(PARAMS, objective="gradient_difference", retain_weight=0.0, epochs=1)
    with_retain = train(Student(tiny_model, "cpu"), examples, params, RUNTIME, seed=0)
    assert with_retain == train(Student(tiny_model, "cpu"), forget, params, RUNTIME, seed=0)
    ascent = train(Student(tiny_model, "cpu"), forget, replace(params, objective="gradient_ascent"), RUNTIME, seed=0)
    assert with_retain == ascent


def test_divergence_stops_with_a_warning_and_finite_weights(
    examples: list[Example], tiny_model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    student = Student(tiny_model, "cpu")
    params = replace(PARAMS, objective="gradient_ascent", learning_rate=1e30, warmup_fraction=0.0)
    curve = train(student, examples, params, RUNTIME, seed=0)
    assert len(curve) == 1
    assert all(math.isfinite(value) for value in curve[0].values())
    assert "Warning: gradient_ascent diverged: the loss or gradient of step 1 of 6 is not finite" in capsys.readouterr().err
    student.save(tmp_path)
    assert all(value.isfinite().all() for value in Student(tmp_path, "cpu").model.state_dict().values())


def test_what_can_not_be_trained_is_told(examples: list[Example], tiny_model: Path) -> None:
    student = Student(tiny_model, "cpu")
    forget, retain = ([example for example in examples if example.kind == kind] for kind in ("forget", "retain"))
    with pytest.raises(InputError, match="no forget passage"):
        train(student, retain, PARAMS, RUNTIME, seed=0)
    with pytest.raises(InputError, match=r"npo with baseline\.retain_weight 1 needs retain passages"):
        train(student, forget, PARAMS, RUNTIME, seed=0)
    with pytest.raises(InputError, match="a text of 600 tokens does not fit the model's context of 512"):
        train(student, [*examples, Example((5,) * 600, 0, "forget")], PARAMS, RUNTIME, seed=0)
    with pytest.raises(InputError, match="simnpo starts from a loss or a gradient that is not finite"):
        train(student, examples, replace(PARAMS, objective="simnpo", gamma=1e39), RUNTIME, seed=0)
