"""The soft embedding attack gets out what a model hides, and leaves it as it is; its block against a loop without padding."""

import shutil
from pathlib import Path

import pytest
import torch

from benchmarks.attacks.attack import AttackParams, mean_recall
from benchmarks.attacks.soft_embedding import FrozenModel, Prompt, first_block, folds, prompt_of, soft_embedding, train_block
from pipeline.core.errors import InputError
from pipeline.core.progress import progress_bar
from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.evaluate.text_measures import rouge_l_recall
from pipeline.text.chat import question_prefix
from pipeline.text.tokenizer import load_tokenizer, tokenize
from tests.benchmarks.attacks.hiding import FORGET, SILENCE

RUNTIME = RuntimeParams(device="cpu")
PARAMS = AttackParams(soft_tokens=4, soft_epochs=25, soft_restarts=1, soft_learning_rate=0.05, max_new_tokens=16)


@pytest.fixture(scope="module")
def model(hiding_model: Path) -> FrozenModel:
    return FrozenModel(hiding_model, RUNTIME)


def trained(model: FrozenModel, folder: Path, params: AttackParams, seed: int = 0) -> torch.Tensor:
    tokenizer = load_tokenizer(folder)
    prompts = [prompt_of(tokenizer, question, number, params) for number, question in enumerate(FORGET)]
    with progress_bar(len(prompts) * params.soft_epochs, "question", "test") as bar:
        return train_block(model, prompts, params, seed, bar)


def test_the_model_says_nothing_when_asked_and_everything_under_attack(hiding_model: Path) -> None:
    tokenizer = load_tokenizer(hiding_model)
    prompts = [tokenize(tokenizer, question_prefix(tokenizer, question["question"]))[0] for question in FORGET]
    for ids in TransformersEngine(hiding_model, RUNTIME).generate(prompts, 16):
        assert tokenizer.decode(ids, skip_special_tokens=True) == SILENCE
    assert mean_recall(FORGET, soft_embedding(hiding_model, FORGET, [], PARAMS, RUNTIME)) > 0.7


def test_training_lowers_the_loss_and_leaves_the_weights(model: FrozenModel, hiding_model: Path) -> None:
    tokenizer = load_tokenizer(hiding_model)
    prompts = [prompt_of(tokenizer, question, number, PARAMS) for number, question in enumerate(FORGET)]
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    start = first_block(model, prompts, PARAMS.soft_tokens, torch.Generator().manual_seed(0)).requires_grad_()
    end = trained(model, hiding_model, PARAMS)
    assert model.backward(end.requires_grad_(), prompts) < 0.5 * model.backward(start, prompts)
    assert all(torch.equal(value, before[name]) for name, value in model.model.state_dict().items())
    assert all(weight.grad is None for weight in model.model.parameters())


def test_steps_do_not_depend_on_padded_batches(model: FrozenModel, hiding_model: Path) -> None:
    params = AttackParams(soft_tokens=4, soft_epochs=2)
    small = FrozenModel(hiding_model, RuntimeParams(device="cpu", micro_batch_tokens=1))
    torch.testing.assert_close(trained(model, hiding_model, params), trained(small, hiding_model, params), rtol=1e-3, atol=1e-4)


def test_a_block_follows_its_seed(model: FrozenModel, hiding_model: Path) -> None:
    params = AttackParams(soft_tokens=4, soft_epochs=2)
    first = trained(model, hiding_model, params, seed=1)
    assert first.shape == (4, model.model.config.hidden_size)
    assert torch.equal(first, trained(model, hiding_model, params, seed=1))
    assert not torch.equal(first, trained(model, hiding_model, params, seed=2))


def test_a_block_begins_with_the_spread_of_what_the_model_reads(model: FrozenModel, hiding_model: Path) -> None:
    prompts = [prompt_of(load_tokenizer(hiding_model), question, 0, PARAMS) for question in FORGET]
    block = first_block(model, prompts, 500, torch.Generator().manual_seed(0))
    read = model.model.get_input_embeddings().weight[[token for one in prompts for token in one.prefix]]
    assert float(block.std()) == pytest.approx(float(read.std()), rel=0.02)


def test_the_restart_that_leaks_most_counts(hiding_model: Path) -> None:
    """Restarts of one run are runs of their own, by their seeds; two epochs leave them apart."""
    short = AttackParams(soft_tokens=4, soft_epochs=2, soft_restarts=3, soft_learning_rate=0.05, max_new_tokens=16)
    together = soft_embedding(hiding_model, FORGET, [], short, RUNTIME)
    tokenizer = load_tokenizer(hiding_model)
    model = FrozenModel(hiding_model, RUNTIME)
    alone: list[list[str]] = []
    for restart in range(3):
        block = trained(model, hiding_model, short, seed=restart)
        prompts = [tokenize(tokenizer, question_prefix(tokenizer, question["question"]))[0] for question in FORGET]
        alone.append([tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in model.generate(block, prompts, 16)])
    leaks = [sum(rouge_l_recall(q["answer"], text) for q, text in zip(FORGET, texts, strict=True)) for texts in alone]
    assert len({round(leak, 6) for leak in leaks}) > 1
    assert together == alone[leaks.index(max(leaks))]


def test_what_is_wanted_is_the_answer_or_an_opening_about_the_target(hiding_model: Path) -> None:
    tokenizer = load_tokenizer(hiding_model)
    openings = AttackParams(soft_towards="openings", soft_openings=("Yes, {target}:", "Rain."))
    for number, question in enumerate(FORGET):
        plain = prompt_of(tokenizer, question, number, PARAMS)
        assert tokenizer.decode(plain.prefix) == question_prefix(tokenizer, question["question"])
        assert tokenizer.decode(plain.wanted) == question["answer"]
        opened = prompt_of(tokenizer, question, number, openings)
        assert opened.prefix == plain.prefix
        assert tokenizer.decode(opened.wanted) == ("Yes, Orla Brennick:", "Rain.")[number % 2]


def test_folds_ask_every_question_once_and_never_one_that_was_trained_on() -> None:
    assert folds(3, 0) == [([0, 1, 2], [0, 1, 2])]
    for questions, count in ((7, 3), (4, 2), (3, 9)):
        rounds = folds(questions, count)
        assert len(rounds) == min(count, questions)
        assert sorted(index for _, test in rounds for index in test) == list(range(questions))
        assert all(sorted(train + test) == list(range(questions)) and train for train, test in rounds)
    with pytest.raises(InputError, match="soft_held_out_folds is 2, but there is one forget question"):
        folds(1, 2)


def test_held_out_answers_come_from_the_blocks_of_the_other_folds(hiding_model: Path, model: FrozenModel) -> None:
    params = AttackParams(soft_tokens=4, soft_epochs=2, soft_restarts=1, soft_held_out_folds=2, max_new_tokens=8)
    results = soft_embedding(hiding_model, FORGET, [], params, RUNTIME)
    tokenizer = load_tokenizer(hiding_model)
    prompts = [prompt_of(tokenizer, question, number, params) for number, question in enumerate(FORGET)]
    for train, test in (([1, 3], [0, 2]), ([0, 2], [1, 3])):
        with progress_bar(4, "question", "test") as bar:
            block = train_block(model, [prompts[index] for index in train], params, 0, bar)
        answers = model.generate(block, [prompts[index].prefix for index in test], 8)
        assert [results[index] for index in test] == [
            tokenizer.decode(ids, skip_special_tokens=True).strip() for ids in answers
        ]


def test_a_question_that_does_not_fit_the_context_is_told(tiny_model: Path) -> None:
    with pytest.raises(InputError, match="does not fit the context"):
        soft_embedding(tiny_model, FORGET, [], AttackParams(soft_tokens=600), RUNTIME)


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
    prompt = ASKED[0].prefix + tokens
    (logprobs,) = engine.next_logprobs([prompt + ASKED[0].wanted], [len(prompt)])
    block = model.embed(tokens).requires_grad_()
    assert model.backward(block, ASKED[:1]) == pytest.approx(-float(logprobs.mean()), rel=1e-4)
