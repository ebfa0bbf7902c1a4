"""The soft embedding attack gets out what a model hides, and leaves the model as it is."""

from pathlib import Path

import pytest
import torch

from benchmarks.attacks.attack import mean_recall
from benchmarks.attacks.frozen_model import FrozenModel
from benchmarks.attacks.params import AttackParams
from benchmarks.attacks.soft_embedding import first_block, folds, prompt_of, soft_embedding, train_block
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
