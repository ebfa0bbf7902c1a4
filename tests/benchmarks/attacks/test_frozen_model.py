"""The block between question and answer: loss, gradient and greedy answers against a loop without padding."""

import shutil
from pathlib import Path

import pytest
import torch

from benchmarks.attacks.frozen_model import FrozenModel, Prompt
from pipeline.core.runtime import RuntimeParams

S = 3
ASKED = [
    Prompt([5, 60, 71, 8], [93, 40]),
    Prompt([9, 30, 31, 32, 33, 34, 35, 36, 37], [77]),
    Prompt([12], [50, 51, 52, 53, 54, 55]),
    Prompt([100, 101, 102, 103, 104], [61, 62, 63]),
]


def load(folder: Path, max_tokens: int) -> FrozenModel:
    return FrozenModel(folder, RuntimeParams(device="cpu", micro_batch_tokens=max_tokens))


def block_of(model: FrozenModel, seed: int = 0) -> torch.Tensor:
    width = model.model.config.hidden_size
    return (torch.randn(S, width, generator=torch.Generator().manual_seed(seed)) * 0.2).requires_grad_()


def save_gpt2(folder: Path, source: Path) -> None:
    """A model with learned positions, which a wrong count of padding would move."""
    from transformers import GPT2Config, GPT2LMHeadModel

    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=400, n_positions=128, n_embd=64, n_layer=2, n_head=4, initializer_range=0.3, eos_token_id=2)
    GPT2LMHeadModel(config).save_pretrained(folder)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "llama":
        return tiny_model
    folder = tmp_path_factory.mktemp("gpt2") / "model"
    save_gpt2(folder, tiny_model)
    return folder


def row_of(model: FrozenModel, block: torch.Tensor, prefix: list[int], after: list[int]) -> torch.Tensor:
    """One row [1, L, D] without padding: question, block, and what comes after."""
    table = model.model.get_input_embeddings().weight
    return torch.cat([table[prefix], block, table[after]])[None]


def loss_one_by_one(model: FrozenModel, block: torch.Tensor) -> torch.Tensor:
    losses = []
    for one in ASKED:
        logits = model.model(inputs_embeds=row_of(model, block, one.prefix, one.wanted)).logits[0].double()
        start = len(one.prefix) + S
        losses += [
            -logits[start + place - 1].log_softmax(-1)[token]  # the row before a token says it
            for place, token in enumerate(one.wanted)
        ]
    return torch.stack(losses).mean()


@pytest.mark.parametrize("max_tokens", [1, 30, 10_000])
def test_loss_and_gradient_are_those_of_rows_without_padding(folder: Path, max_tokens: int) -> None:
    model = load(folder, max_tokens)
    block, other = block_of(model), block_of(model)
    loss = model.backward(block, ASKED)
    expected = loss_one_by_one(model, other)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert block.grad is not None and other.grad is not None
    assert float(block.grad.abs().max()) > 1e-4
    torch.testing.assert_close(block.grad, other.grad, rtol=1e-3, atol=1e-6)


def test_no_weight_takes_a_gradient(tiny_model: Path) -> None:
    model = load(tiny_model, 1000)
    model.backward(block_of(model), ASKED)
    assert all(weight.grad is None for weight in model.model.parameters())


@pytest.mark.parametrize("max_tokens", [1, 10_000])
def test_greedy_answers_are_those_of_a_loop_without_padding_or_cache(folder: Path, max_tokens: int) -> None:
    model = load(folder, max_tokens)
    block = block_of(model, seed=3).detach()
    answers = model.generate(block, [one.prefix for one in ASKED], 7)
    stop = model.model.generation_config.eos_token_id
    for one, answer in zip(ASKED, answers, strict=True):
        tokens: list[int] = []
        with torch.no_grad():
            while len(tokens) < 7:
                token = int(model.model(inputs_embeds=row_of(model, block, one.prefix, tokens)).logits[0, -1].argmax())
                if token == stop:
                    break
                tokens.append(token)
        assert answer == tokens
    assert len({tuple(answer) for answer in answers}) > 1


def test_a_block_of_token_embeddings_reads_like_these_tokens(tiny_model: Path) -> None:
    """What stands between question and answer is the block, in its order."""
    from pipeline.engines.transformers_engine import TransformersEngine

    runtime = RuntimeParams(device="cpu")
    model, engine = load(tiny_model, 1000), TransformersEngine(tiny_model, runtime)
    tokens = [44, 45, 46]
    by_block = model.generate(model.embed(tokens), [one.prefix for one in ASKED], 6)
    assert by_block == engine.generate([one.prefix + tokens for one in ASKED], 6)
    score = engine.score([ASKED[0].prefix + tokens + ASKED[0].wanted], 0)[0].next_logprobs
    block = model.embed(tokens).requires_grad_()
    assert model.backward(block, ASKED[:1]) == pytest.approx(-float(score[-len(ASKED[0].wanted) :].mean()), rel=1e-4)
