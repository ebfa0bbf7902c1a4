"""RMU against the whole model: what it trains, what it steers to, and what it leaves where it was."""

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from benchmarks.methods.example import Example
from benchmarks.methods.params import BaselineParams
from benchmarks.methods.rmu import Misdirection
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.text.tokenizer import load_tokenizer
from pipeline.train.loop import train
from pipeline.train.student import Student
from tests.benchmarks.methods.test_likelihood import RANDOM

PARAMS = BaselineParams(
    objective="rmu", layer=0, steering=3.0, retain_weight=0.5, forget_weight=0.7, learning_rate=1e-2, epochs=20
)
RUNTIME = RuntimeParams(micro_batch_tokens=30)


@pytest.fixture
def student(tiny_model: Path) -> Student:
    return Student(tiny_model, "cpu")


def started(student: Student, params: BaselineParams = PARAMS) -> Misdirection:
    objective = Misdirection(RANDOM, params, seed=0)
    objective.start(student, RUNTIME)
    return objective


def states(student: Student, example: Example) -> torch.Tensor:
    """What leaves layer 0 at the learnt tokens, [T, D], from the whole text alone."""
    seen: list[torch.Tensor] = []
    hook = student.model.model.layers[0].register_forward_hook(
        lambda _module, _inputs, output: seen.append(output if isinstance(output, torch.Tensor) else output[0])
    )
    student.model(torch.tensor([example.input_ids]))
    hook.remove()
    return seen[0][0, example.start :]


def direction(student: Student) -> torch.Tensor:
    drawn = torch.rand(student.model.config.hidden_size, generator=torch.Generator().manual_seed(0))
    return PARAMS.steering * drawn / drawn.norm()


def test_gradient_is_that_of_the_written_out_loss(student: Student, tiny_model: Path) -> None:
    before = Student(tiny_model, "cpu")
    objective = started(student)
    with torch.no_grad():
        student.model.model.layers[0].mlp.down_proj.weight.add_(0.05)
    losses = objective.accumulate(student, range(len(RANDOM)), RUNTIME)
    (ours,) = [weight.grad.clone() for weight in student.model.parameters() if weight.grad is not None]
    student.model.zero_grad(set_to_none=True)
    wanted = direction(student)
    forget = torch.stack([(states(student, e) - wanted).square().mean() for e in RANDOM if e.kind == "forget"]).mean()
    with torch.no_grad():
        frozen = {e: states(before, e) for e in RANDOM if e.kind == "retain"}
    retain = torch.stack([(states(student, e) - frozen[e]).square().mean() for e in frozen]).mean()
    (PARAMS.forget_weight * forget + PARAMS.retain_weight * retain).backward()
    torch.testing.assert_close(ours, student.model.model.layers[0].mlp.down_proj.weight.grad, rtol=1e-4, atol=1e-6)
    found = {"forget_distance": float(forget.detach()), "retain_distance": float(retain.detach())}
    loss = PARAMS.forget_weight * found["forget_distance"] + PARAMS.retain_weight * found["retain_distance"]
    assert losses == pytest.approx({"loss": loss, **found}, rel=1e-4)


def test_forget_texts_are_steered_and_only_the_down_projection_moves(student: Student, tiny_model: Path) -> None:
    before = Student(tiny_model, "cpu").model.state_dict()
    curve = train(student, Misdirection(RANDOM, PARAMS, 0), PARAMS, RUNTIME, 0)
    assert curve[0]["retain_distance"] == 0
    assert curve[-1]["forget_distance"] < 0.9 * curve[0]["forget_distance"]
    moved = {name for name, weight in student.model.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved == {"model.layers.0.mlp.down_proj.weight"}


def test_the_retain_term_holds_the_retain_texts(tiny_model: Path) -> None:
    ends = []
    for weight in (0.0, 20.0):
        student = Student(tiny_model, "cpu")
        held = [example for example in RANDOM if example.kind == "retain"]
        with torch.no_grad():
            before = [states(student, example) for example in held]
        train(student, Misdirection(RANDOM, PARAMS.changed(retain_weight=weight), 0), PARAMS, RUNTIME, 0)
        with torch.no_grad():
            ends.append(sum(float((states(student, e) - b).square().mean()) for e, b in zip(held, before, strict=True)))
    assert ends[1] < 0.5 * ends[0]


def test_a_layer_that_is_not_there_is_told(student: Student) -> None:
    layers = student.model.config.num_hidden_layers
    with pytest.raises(
        InputError, match=rf"baseline\.layer is {layers - 1}, but the model has {layers} layers; take one from 0"
    ):
        started(student, PARAMS.changed(layer=layers - 1))


@pytest.mark.parametrize(("layer", "trained"), [(1, (0, 1)), (3, (1, 2, 3))])
def test_the_down_projections_of_the_layer_and_the_two_below_are_trained(
    layer: int, trained: tuple[int, ...], tiny_model: Path, tmp_path: Path
) -> None:
    student = Student(deeper(tiny_model, tmp_path, 5), "cpu")
    started(student, PARAMS.changed(layer=layer))
    found = [name for name, weight in student.model.named_parameters() if weight.requires_grad]
    assert found == [f"model.layers.{one}.mlp.down_proj.weight" for one in trained]


def test_a_model_without_down_projections_is_told(tmp_path: Path, tiny_model: Path) -> None:
    shape = {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": load_tokenizer(tiny_model).vocab_size + 10}
    GPT2LMHeadModel(GPT2Config(**shape)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="of which the model has 0; leave rmu out"):
        started(Student(tmp_path, "cpu"))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_same_seed_gives_the_same_weights_with_checkpointing_too(tiny_model: Path, checkpointing: bool) -> None:
    def down(seed: int, *, checkpointing: bool) -> torch.Tensor:
        student = Student(tiny_model, "cpu", gradient_checkpointing=checkpointing)
        train(student, Misdirection(RANDOM, PARAMS, seed), PARAMS, RUNTIME, seed)
        return student.model.model.layers[0].mlp.down_proj.weight.detach()

    torch.testing.assert_close(down(0, checkpointing=checkpointing), down(0, checkpointing=False))
    assert not torch.allclose(down(0, checkpointing=False), down(1, checkpointing=False), atol=1e-3)


def deeper(base: Path, folder: Path, layers: int) -> Path:
    """A model of the base's shape with ``layers`` layers and random weights."""
    config = AutoConfig.from_pretrained(base, num_hidden_layers=layers)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
