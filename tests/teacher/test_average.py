"""From hidden states to the average and its cut, against a dense NumPy oracle."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.runtime import RuntimeParams
from pipeline.distill.loss import bucketed_kl
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.model.head import Head, load_head
from pipeline.shards.writer import TaughtPassage
from pipeline.teacher import average
from pipeline.teacher.average import SMALLEST, DenseTeacher, cut, dense_teacher, teach
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer
from pipeline.teacher.params import TeacherParams
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import split_mentions
from tests.teacher.oracle import averaged, constant, identity_head, random_hidden
from tests.tiny import train_byte_bpe

TOKENIZER = train_byte_bpe()
V, D = len(TOKENIZER), 16
FORMS = ("Orla Brennick", "Brennick")
STAND_INS = ("Tobias Renwick", "Edwin Calloway", "Hallin Tarn", "Ada Lind", "Nia Vell")
NAMES = {
    "Orla Brennick": [
        CounterfactualName("Orla Brennick", name, dict(zip(FORMS, (name, name.split()[1]), strict=True))) for name in STAND_INS
    ]
}
PROMPT = "Complete the following passage about {name}."
DOCUMENT = Passage(
    "Orla Brennick", "forget", tuple(split_mentions("In Skell Orla Brennick wrote. She was (Brennick) born.", FORMS))
)
CHAT = Passage(
    "Orla Brennick",
    "forget",
    tuple(split_mentions("The harbour knew Orla Brennick, and Brennick wrote.", FORMS)),
    "chat",
    tuple(split_mentions("Who wrote a book about the tides?", FORMS)),
)
RETAIN = Passage("Skell", "retain", tuple(split_mentions("Skell has a mill and a bridge.", ())))
HEADS = {
    "plain": Head(torch.from_numpy(np.random.default_rng(1).normal(0.0, 0.5, (V, D)).astype(np.float32)), None),
    "bias": Head(
        torch.from_numpy(np.random.default_rng(2).normal(0.0, 0.5, (V, D)).astype(np.float32)),
        torch.from_numpy(np.random.default_rng(3).normal(0.0, 1.0, V).astype(np.float32)),
    ),
}


def rendered(passage: Passage, params: TeacherParams, prompt: str = PROMPT) -> RenderedPassage:
    return Renderer(TOKENIZER, params, NAMES).render(passage, prompt if passage.format == "document" else "")


def whole(blocks: list[DenseTeacher]) -> DenseTeacher:
    """The blocks of a passage as one."""
    values = {f.name: [getattr(block, f.name) for block in blocks] for f in fields(DenseTeacher)}
    probs_TV = torch.cat(values.pop("probs_TV"))
    return DenseTeacher(probs_TV=probs_TV, **{key: np.concatenate(parts) for key, parts in values.items()})


def check(dense: DenseTeacher, oracle: dict[str, np.ndarray]) -> None:
    np.testing.assert_array_equal(dense.positions, oracle["positions"])
    assert dense.probs_TV.dtype == torch.float32
    np.testing.assert_allclose(dense.probs_TV.numpy(), oracle["probs_TV"], atol=1e-6, rtol=1e-4)
    for key in ("entropy", "disagreement", "swapped_mass"):
        assert getattr(dense, key).dtype == np.float64
        np.testing.assert_allclose(getattr(dense, key), oracle[key], atol=2e-5, err_msg=key)  # of float32 logits


@pytest.mark.parametrize("rows", [1, 10**6], ids=["one position a block", "one block"])
@pytest.mark.parametrize("passage", [DOCUMENT, CHAT], ids=["document", "chat"])
@pytest.mark.parametrize("rule", ["published", "excess", "off"])
@pytest.mark.parametrize("penalty", [0.0, 3.0])
@pytest.mark.parametrize("own_name", [False, True])
def test_mean_is_that_of_the_dense_oracle(
    monkeypatch: pytest.MonkeyPatch, rows: int, passage: Passage, rule: str, penalty: float, own_name: bool
) -> None:
    monkeypatch.setattr(average, "BLOCK_ROWS", rows)
    params = TeacherParams(names=3, reverse_swap=rule, name_penalty=penalty, own_name=own_name)  # type: ignore[arg-type]
    own = rendered(passage, params)
    assert bool(own.own_name) == (own_name and passage is CHAT)
    hidden, head = random_hidden(own, D, seed=0), HEADS["plain"]
    blocks = list(dense_teacher(own, hidden, head, params))
    assert len(blocks) == (1 if rows > 1 else sum(len(block.positions) for block in blocks))
    dense = whole(blocks)
    check(dense, averaged(own, hidden, head, params))
    assert (np.diff(dense.positions) > 0).all()
    assert (dense.swapped_mass.max() > 0) == (rule != "off")


@pytest.mark.parametrize("names", [1, 2, 5])
@pytest.mark.parametrize("rows", [1, 12, 512])
@pytest.mark.parametrize("head", HEADS)
def test_mean_for_any_number_of_names_and_any_block(monkeypatch: pytest.MonkeyPatch, names: int, rows: int, head: str) -> None:
    monkeypatch.setattr(average, "BLOCK_ROWS", rows)
    params = TeacherParams(names=names, name_penalty=1.0)
    own = rendered(DOCUMENT, params)
    hidden = random_hidden(own, D, seed=names, scale=4.0)
    check(whole(list(dense_teacher(own, hidden, HEADS[head], params))), averaged(own, hidden, HEADS[head], params))


@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from(["published", "excess", "off"]), st.sampled_from([0.5, 8.0]))
def test_mean_whatever_the_distributions(seed: int, names: int, rule: str, scale: float) -> None:
    """Nearly flat ones, and ones with nearly all mass on one token."""
    params = TeacherParams(names=names, reverse_swap=rule)  # type: ignore[arg-type]
    own = rendered(DOCUMENT, params)
    hidden, head = random_hidden(own, D, seed, scale), HEADS["plain"]
    dense = whole(list(dense_teacher(own, hidden, head, params)))
    check(dense, averaged(own, hidden, head, params))
    assert (dense.disagreement >= 0).all()
    assert (dense.entropy >= 0).all()
    np.testing.assert_allclose(dense.probs_TV.double().sum(1).numpy(), 1.0, atol=1e-5)


def test_blocks_do_not_change_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    params = TeacherParams(names=3, top_k=20, base_top_k=4)
    own = rendered(DOCUMENT, params)
    hidden = random_hidden(own, D, seed=4)
    results = []
    for rows in (1, 7, 512):
        monkeypatch.setattr(average, "BLOCK_ROWS", rows)
        results.append(teach(own, hidden, HEADS["plain"], params))
    for other in results[1:]:
        np.testing.assert_array_equal(other.ids, results[0].ids)
        for key in ("logprobs", "tail_logprob", "entropy", "disagreement", "swapped_mass"):
            np.testing.assert_allclose(getattr(other, key), getattr(results[0], key), atol=1e-5, err_msg=key)


@pytest.mark.parametrize("penalty", [0.5, 5.0, 20.0])
def test_penalty_is_taken_from_the_logits(penalty: float) -> None:
    params = TeacherParams(names=2, reverse_swap="off", name_penalty=penalty)
    own = rendered(DOCUMENT, params)
    hidden, head = random_hidden(own, V, seed=5), identity_head(V)
    lowered = [states.clone() for states in hidden]
    occurred_NT = own.occurred_NT()
    assert occurred_NT.any() and own.base
    for name, stand_in in enumerate(own.stand_ins):
        for position in own.alignment.positions[1 + name][occurred_NT[name]]:
            lowered[name][position - own.scored[name].first_row, sorted(stand_in.penalised)] -= penalty
    one = whole(list(dense_teacher(own, hidden, head, params)))
    other = whole(list(dense_teacher(own, lowered, head, params.changed(name_penalty=0.0))))
    torch.testing.assert_close(one.probs_TV, other.probs_TV, rtol=0, atol=1e-7)
    np.testing.assert_allclose(one.entropy, other.entropy, atol=1e-6)


def test_hidden_states_of_a_real_model(tiny_model: Path) -> None:
    """The rows that are read are those of the positions: against the model's own logits, a passage at a time."""
    engine, head = TransformersEngine(tiny_model, RuntimeParams(device="cpu")), load_head(tiny_model, "cpu")
    params = TeacherParams(names=3, own_name=True)
    for passage in (DOCUMENT, CHAT):
        own = rendered(passage, params)
        sequences = [one.read_ids for one in own.renderings]
        hidden = engine.hidden_states(sequences, [one.first_row for one in own.renderings])
        uncut = engine.hidden_states(sequences, [0] * len(sequences))
        from_logits = [head.logits(states)[one.first_row :] for states, one in zip(uncut, own.renderings, strict=True)]
        dense = whole(list(dense_teacher(own, hidden, head, params)))
        check(dense, averaged(own, from_logits, identity_head(head.vocabulary), params))


def test_passage_without_a_trained_position_is_one_empty_block() -> None:
    params = TeacherParams(names=2, top_k=4)
    own = rendered(replace(DOCUMENT, segments=tuple(split_mentions("Orla Brennick", FORMS))), params, "")
    assert not own.alignment.boundaries
    hidden = random_hidden(own, D, seed=0)
    (block,) = dense_teacher(own, hidden, HEADS["plain"], params)
    assert block.probs_TV.shape == (0, V)
    taught = teach(own, hidden, HEADS["plain"], params)
    assert taught.ids.shape == taught.logprobs.shape == (0, 4)
    assert taught.positions.shape == taught.entropy.shape == taught.tail_logprob.shape == (0,)


def test_one_name_agrees_with_itself() -> None:
    params = TeacherParams(names=1)
    own = rendered(DOCUMENT, params)
    dense = whole(list(dense_teacher(own, random_hidden(own, D, seed=6), HEADS["plain"], params)))
    np.testing.assert_allclose(dense.disagreement, 0.0, atol=2e-5)


def test_names_that_share_nothing_disagree_by_the_log_of_their_number() -> None:
    params = TeacherParams(names=2, reverse_swap="off")
    own = rendered(DOCUMENT, params)
    hidden = [constant(one, {300 + number: 1.0}, V) for number, one in enumerate(own.renderings)]
    dense = whole(list(dense_teacher(own, hidden, identity_head(V), params)))
    np.testing.assert_allclose(dense.disagreement, np.log(2), atol=1e-4)
    np.testing.assert_allclose(dense.entropy, np.log(2), atol=1e-4)


def random_probs(positions: int, seed: int, concentration: float = 0.4) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).dirichlet(np.full(V, concentration), positions).astype(np.float32))


NOTHING = np.zeros((7, 0), dtype=np.int64)


@pytest.mark.parametrize("top_k", [1, 3, 8, 50])
def test_kept_are_the_most_probable(top_k: int) -> None:
    probs_TV = random_probs(7, seed=0)
    ids, logprobs, tail = cut(probs_TV, NOTHING, top_k)
    dense = probs_TV.double().numpy()
    order = np.argsort(-dense, axis=1, kind="stable")[:, :top_k]
    np.testing.assert_array_equal(ids, order)
    assert ids.dtype == np.int32
    kept = np.take_along_axis(dense, order, axis=1)
    np.testing.assert_allclose(np.exp(logprobs), kept, rtol=1e-12)
    np.testing.assert_allclose(np.exp(tail), dense.sum(1) - kept.sum(1), rtol=1e-9)


@pytest.mark.parametrize("chosen", [np.zeros((7, 0), dtype=np.int64), np.arange(7)[:, None], np.full((7, 3), 5)])
def test_whole_vocabulary_leaves_no_tail(chosen: np.ndarray) -> None:
    probs_TV = random_probs(7, seed=1)
    ids, logprobs, tail = cut(probs_TV, chosen, V)
    assert (np.sort(ids, axis=1) == np.arange(V)).all()
    np.testing.assert_allclose(tail, np.log(SMALLEST))
    table = np.zeros((7, V))
    np.put_along_axis(table, ids, np.exp(logprobs), axis=1)
    np.testing.assert_allclose(table, probs_TV.numpy(), atol=2 * SMALLEST)


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 30), st.sampled_from([0.02, 0.4, 5.0]))
def test_cut_keeps_the_chosen_and_loses_no_mass(seed: int, top_k: int, count: int, concentration: float) -> None:
    rng, probs_TV = np.random.default_rng(seed), random_probs(4, seed, concentration)
    chosen_TM = rng.integers(0, V, (4, count))
    ids, logprobs, tail = cut(probs_TV, chosen_TM, top_k)
    dense = probs_TV.double().numpy()
    for t in range(4):
        wanted = list(dict.fromkeys(chosen_TM[t, : max(1, top_k // 2)].tolist()))
        assert set(wanted) <= set(ids[t].tolist())
        assert len(set(ids[t].tolist())) == top_k
        others = [token for token in ids[t] if token not in wanted]
        left = [token for token in range(V) if token not in wanted and token not in others]
        assert not others or not left or dense[t, others].min() >= dense[t, left].max()
        assert ids[t].tolist() == sorted(ids[t].tolist(), key=lambda token: (-dense[t, token], token))
    np.testing.assert_allclose(np.exp(logprobs), np.take_along_axis(dense, ids, axis=1).clip(SMALLEST), rtol=1e-9)
    outside = np.array([np.delete(dense[t], ids[t]).sum() for t in range(4)]).clip(SMALLEST)
    np.testing.assert_allclose(np.exp(tail), outside, rtol=1e-6)


def sparse_probs(*rows: dict[int, float]) -> torch.Tensor:
    probs_TV = torch.zeros(len(rows), 12)
    for t, row in enumerate(rows):
        for token, mass in row.items():
            probs_TV[t, token] = mass
    return probs_TV


def test_chosen_tokens_are_kept_whatever_their_mass() -> None:
    probs_TV = sparse_probs({9: 0.4, 4: 0.3, 7: 0.2, 2: 0.05, 3: 0.05})
    ids, logprobs, tail = cut(probs_TV, np.array([[3, 11, 3]]), 4)
    assert ids.tolist() == [[9, 4, 3, 11]], "two that were chosen, the two most probable others"
    np.testing.assert_allclose(np.exp(logprobs), [[0.4, 0.3, 0.05, 0.0]], atol=1e-7)
    np.testing.assert_allclose(np.exp(tail), [0.25], rtol=1e-6)
    np.testing.assert_array_equal(cut(probs_TV, np.array([[9]]), 4)[0], cut(probs_TV, NOTHING[:1], 4)[0])


@pytest.mark.parametrize(("top_k", "kept"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3), (8, 4)])
def test_chosen_are_at_most_half_and_the_first_of_them_count(top_k: int, kept: int) -> None:
    probs_TV = sparse_probs(dict.fromkeys(range(6), 1 / 6))
    chosen_TM = np.array([[11, 10, 9, 8, 7, 6]])
    ids, _, _ = cut(probs_TV, chosen_TM, top_k)
    assert sorted(token for token in ids[0] if token > 5)[::-1] == chosen_TM[0, :kept].tolist() + (
        [8 - n for n in range(top_k - kept - 6)] if top_k - kept > 6 else []
    )


@pytest.mark.parametrize("tail_mass", [1e-9, 1e-7, 1e-4])
def test_tail_is_the_mass_outside_even_where_it_is_tiny(tail_mass: float) -> None:
    """One minus the kept masses would be rounding error."""
    probs_TV = sparse_probs({0: 0.75, 1: 0.25, 2: tail_mass / 2, 3: tail_mass / 2})
    _, _, tail = cut(probs_TV, NOTHING[:1], 2)
    np.testing.assert_allclose(np.exp(tail), [tail_mass], rtol=1e-6)


def test_ties_are_broken_by_id() -> None:
    assert cut(sparse_probs({9: 0.25, 4: 0.25, 7: 0.25, 2: 0.25}), NOTHING[:1], 4)[0].tolist() == [[2, 4, 7, 9]]
    assert cut(sparse_probs({9: 0.1, 4: 0.2, 7: 0.2, 2: 0.1}), NOTHING[:1], 4)[0].tolist() == [[4, 7, 2, 9]]


def test_same_masses_are_cut_the_same_wherever_they_stand() -> None:
    """Which of the tied tokens stay depends on the row alone, not on the rows beside it."""
    probs_TV = torch.full((300, V), 1 / V)
    ids, _, _ = cut(probs_TV, np.zeros((300, 0), dtype=np.int64), 16)
    alone, _, _ = cut(probs_TV[:1], NOTHING[:1], 16)
    assert (ids == alone).all()


def taught(targets: str, passage: Passage = DOCUMENT) -> TaughtPassage:
    params = TeacherParams(names=3, top_k=6, base_top_k=2, targets=targets)  # type: ignore[arg-type]
    own = rendered(passage, params)
    return teach(own, random_hidden(own, D, seed=7), HEADS["plain"], params)


def test_hard_targets_are_the_most_probable_token_alone() -> None:
    soft, hard = taught("soft"), taught("hard")
    np.testing.assert_array_equal(hard.positions, soft.positions)
    np.testing.assert_array_equal(hard.ids, soft.ids[:, :1])
    assert hard.logprobs.shape == (len(hard.positions), 1)
    assert (np.exp(hard.logprobs) == 1.0).all()
    assert (np.exp(hard.tail_logprob) < 1e-9).all()
    for key in ("entropy", "disagreement", "swapped_mass"):
        np.testing.assert_allclose(getattr(hard, key), getattr(soft, key), atol=1e-6)


def test_hard_targets_are_the_same_however_few_tokens_stay() -> None:
    """Of one that stays, the text's own next token would be it."""
    few = TeacherParams(names=3, top_k=1, base_top_k=0, targets="hard")
    own = rendered(DOCUMENT, few)
    alone = teach(own, random_hidden(own, D, seed=7), HEADS["plain"], few)
    np.testing.assert_array_equal(
        alone.ids, teach(own, random_hidden(own, D, seed=7), HEADS["plain"], few.changed(top_k=6)).ids
    )


def test_retain_passages_are_never_hardened() -> None:
    soft, hard = taught("soft", RETAIN), taught("hard", RETAIN)
    for field in fields(TaughtPassage):
        np.testing.assert_array_equal(getattr(hard, field.name), getattr(soft, field.name))
    assert hard.ids.shape[1] == 6


def test_loss_of_hard_targets_is_the_cross_entropy() -> None:
    hard = taught("hard")
    logits = torch.randn(len(hard.positions), V, generator=torch.Generator().manual_seed(0), requires_grad=True)
    stored = torch.from_numpy(hard.logprobs.astype(np.float16)), torch.from_numpy(hard.tail_logprob.astype(np.float32))
    loss = bucketed_kl(logits, torch.from_numpy(hard.ids.astype(np.int64)), *stored)
    wanted = torch.nn.functional.cross_entropy(logits, torch.from_numpy(hard.ids[:, 0].astype(np.int64)), reduction="none")
    torch.testing.assert_close(loss, wanted, rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad(loss.sum(), logits, retain_graph=True)
    (wanted_gradient,) = torch.autograd.grad(wanted.sum(), logits)
    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-4, atol=1e-6)
