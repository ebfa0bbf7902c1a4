"""Passages as sequences; likelihoods and gradients against the whole model, and training a small one with every equation."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.methods.equations import equation_of
from benchmarks.methods.example import KINDS, Example
from benchmarks.methods.finetune import learnt_logprobs
from benchmarks.methods.likelihood import Likelihood, reference_logprobs, sequence_logprobs
from benchmarks.methods.params import EQUATIONS, BaselineParams
from benchmarks.methods.texts import make_examples
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.text.chat import instruction_prefix, question_prefix
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment
from pipeline.text.tokenizer import load_tokenizer
from pipeline.train.loop import Curve, train
from pipeline.train.student import Student
from tests.project import DOCUMENT, LEARNING_RATE
from tests.tiny import train_byte_bpe, train_metaspace_bpe

VOCABULARY = 380
RUNTIME = RuntimeParams(micro_batch_tokens=128, logit_chunk=32)
PROMPTS = ("", "Complete the following passage about {name}.")
PARAMS = BaselineParams(
    learning_rate=LEARNING_RATE, epochs=2, passages_per_step=4, beta=0.5, retain_per_forget=1.0, prompts=PROMPTS
)
Trained = dict[str, tuple[Student, Curve]]


def drawn(*shapes: tuple[int, int, str]) -> list[Example]:
    """Random tokens: so many, of which so many are the prefix."""
    rng = np.random.default_rng(0)
    return [Example(tuple(rng.integers(3, VOCABULARY, n).tolist()), max(prefix, 1), kind) for n, prefix, kind in shapes]  # type: ignore[arg-type]


RANDOM = drawn((17, 4, "forget"), (9, 0, "retain"), (23, 22, "forget"), (12, 1, "retain"))
ALTERNATES = drawn((20, 4, "alternate"), (30, 22, "alternate"))  # of its forget texts


@pytest.fixture(scope="module")
def examples(tiny_model: Path) -> list[Example]:
    target = Target("Orla Brennick", "person", ("Orla Brennick", "Brennick"), (DOCUMENT,))
    retain = [Passage("Town", "retain", (Segment(f"Town number {n} has a mill and a bridge.", False),)) for n in range(8)]
    return make_examples(load_tokenizer(tiny_model), [*forget_passages([target]), *retain], PARAMS)


@pytest.fixture(scope="module")
def student(tiny_model: Path) -> Student:
    """Never trained."""
    return Student(tiny_model, "cpu")


def dense_logprob(student: Student, example: Example) -> torch.Tensor:
    """Of the learnt tokens, summed, from the logits of the whole text."""
    logprobs = student.model(torch.tensor([example.input_ids])).logits[0].double().log_softmax(-1)
    learnt = [place for place in range(len(example.input_ids)) if place >= example.start]
    return torch.stack([logprobs[place - 1, example.input_ids[place]] for place in learnt]).sum()


def gradients(student: Student) -> dict[str, torch.Tensor]:
    """All gradients by weight, and none left behind."""
    found = {name: weight.grad for name, weight in student.model.named_parameters() if weight.grad is not None}
    student.model.zero_grad(set_to_none=True)
    return found


def assert_same(ours: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == other.keys()
    assert max(float(part.abs().max()) for part in other.values()) > 1e-3
    for name, part in ours.items():
        torch.testing.assert_close(part, other[name], rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def moved(tiny_model: Path) -> Student:
    """The student away from the model that it was, so that a reference tells."""
    student = Student(tiny_model, "cpu")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in student.model.parameters():
            weight += 0.01 * torch.randn(weight.shape, generator=generator)
    return student


def with_alternates(name: str, examples: Sequence[Example]) -> list[Example]:
    """``examples``, with an alternate for each forget one, its own tokens backwards, where the equation of ``name`` asks."""
    if name != "altpo":
        return list(examples)
    forget = [example for example in examples if example.kind == "forget"]
    turned = [(e.input_ids[: e.start] + e.input_ids[e.start :][::-1], e.start) for e in forget]
    return [*examples, *(Example(ids, start, "alternate") for ids, start in turned)]


def started(name: str, examples: Sequence[Example], student: Student) -> Likelihood:
    """The objective of an equation that has looked at ``student`` as it was before training."""
    objective = Likelihood(examples, PARAMS.changed(objective=name), seed=0)
    objective.start(student, RUNTIME)
    return objective


@pytest.mark.parametrize("logit_chunk", [1, 7, 10_000])
@pytest.mark.parametrize("name", EQUATIONS)
def test_gradient_is_that_of_the_dense_loss(name: str, logit_chunk: int, student: Student, moved: Student) -> None:
    whole = [*RANDOM, *(ALTERNATES if name == "altpo" else [])]
    objective, equation = started(name, whole, student), equation_of(PARAMS.changed(objective=name))
    runtime = RuntimeParams(micro_batch_tokens=30, logit_chunk=logit_chunk)
    losses = objective.accumulate(moved, range(len(RANDOM)), runtime)
    ours = gradients(moved)
    tokens_S = torch.tensor([example.learnt for example in whole])
    kind_S = torch.tensor([KINDS.index(example.kind) for example in whole])
    logprob_S = torch.stack([dense_logprob(moved, example) for example in whole])
    with torch.no_grad():
        reference_S = torch.stack([dense_logprob(student, example) for example in whole])
    assert not torch.allclose(reference_S, logprob_S.detach(), rtol=1e-3)
    loss = (equation.terms(logprob_S, tokens_S, kind_S, reference_S) * equation.shares(tokens_S, kind_S)).sum()
    loss.backward()
    assert_same(ours, gradients(moved))
    nll = {
        f"{kind}_nll": -float(logprob_S[kind_S == number].detach().sum() / tokens_S[kind_S == number].sum())
        for number, kind in enumerate(KINDS)
        if (kind_S == number).any()
    }
    assert losses == pytest.approx({"loss": float(loss.detach()), **nll}, rel=1e-4)


@pytest.mark.parametrize("name", EQUATIONS)
def test_micro_batches_do_not_change_a_step(name: str, examples: list[Example], student: Student, moved: Student) -> None:
    step = [*range(5), *range(len(examples) - 3, len(examples))]
    objective = started(name, with_alternates(name, examples), student)
    results = []
    for tokens in (1, 100, 10_000):
        losses = objective.accumulate(moved, step, RuntimeParams(micro_batch_tokens=tokens, logit_chunk=32))
        results.append((losses, gradients(moved)))
    (whole, gradient), *others = results
    for losses, other in others:
        assert losses == pytest.approx(whole, rel=1e-4)
        assert_same(other, gradient)
    for kind in ("forget", "retain"):
        assert whole[f"{kind}_nll"] == pytest.approx(nll(moved, [examples[index] for index in step], kind), rel=1e-4)


@pytest.mark.parametrize("logit_chunk", [1, 7, 10_000])
def test_sums_are_those_of_the_whole_model(student: Student, logit_chunk: int) -> None:
    ours = sequence_logprobs(student, RANDOM, logit_chunk)
    assert ours.dtype == torch.float32
    with torch.no_grad():
        whole = torch.stack([dense_logprob(student, example) for example in RANDOM])
    torch.testing.assert_close(ours.double(), whole, rtol=1e-5, atol=1e-4)


def test_only_learnt_tokens_count(student: Student) -> None:
    (example, *_) = RANDOM
    ids = example.input_ids
    whole = sequence_logprobs(student, [Example(ids, 1, "forget")], 64)
    parts = [sequence_logprobs(student, [Example(ids[:end], start, "forget")], 64) for start, end in ((1, 4), (4, 17))]
    torch.testing.assert_close(whole, parts[0] + parts[1])
    assert example.start == 4
    torch.testing.assert_close(sequence_logprobs(student, [example], 64), parts[1])


def test_reference_is_the_students_own_and_left_out_for_retain(student: Student) -> None:
    reference = reference_logprobs(student, RANDOM, RuntimeParams(micro_batch_tokens=20, logit_chunk=5))
    own = sequence_logprobs(student, RANDOM, 64).tolist()
    assert reference == pytest.approx({0: own[0], 2: own[2]}, rel=1e-5)
    beside = reference_logprobs(student, [*RANDOM, *ALTERNATES], RuntimeParams(micro_batch_tokens=20, logit_chunk=5))
    assert beside.keys() == {0, 2, 4, 5}
    assert student.model.training
    assert all(weight.grad is None for weight in student.model.parameters())


def nll(student: Student, examples: Sequence[Example], kind: str) -> float:
    chosen = [example for example in examples if example.kind == kind]
    return float(-sequence_logprobs(student, chosen, 64).sum()) / sum(example.learnt for example in chosen)


def learn(student: Student, examples: Sequence[Example], params: BaselineParams, seed: int = 0) -> Curve:
    return train(student, Likelihood(examples, params, seed), params, RUNTIME, seed)


@pytest.fixture(scope="module")
def trained(tiny_model: Path, examples: list[Example]) -> Trained:
    """Each equation's student and curve."""
    found = {}
    for name in EQUATIONS:
        student = Student(tiny_model, "cpu")
        found[name] = student, learn(student, with_alternates(name, examples), PARAMS.changed(objective=name))
    return found


@pytest.mark.parametrize("name", EQUATIONS)
def test_forget_text_becomes_less_likely(name: str, trained: Trained, examples: list[Example], student: Student) -> None:
    after, curve = trained[name]
    assert nll(after, examples, "forget") > nll(student, examples, "forget") + 0.1
    assert [row["step"] for row in curve] == list(range(6))
    assert [row["epoch"] for row in curve] == [0] * 3 + [1] * 3
    assert all(math.isfinite(value) for row in curve for value in row.values())
    keys = {"step", "epoch", "learning_rate", "grad_norm", "loss", "forget_nll"}
    keys |= {"gradient_ascent": set(), "altpo": {"retain_nll", "alternate_nll"}}.get(name, {"retain_nll"})
    assert all(row.keys() == keys for row in curve)


def test_alternates_become_likelier(trained: Trained, examples: list[Example], student: Student) -> None:
    both = with_alternates("altpo", examples)
    assert nll(trained["altpo"][0], both, "alternate") < nll(student, both, "alternate") - 0.1


def test_a_pair_goes_through_one_micro_batch_and_none_is_too_large(examples: list[Example], student: Student) -> None:
    both = with_alternates("altpo", examples)
    objective = started("altpo", both, student)
    for step in objective.steps(0):
        rows = [row for index in step for row in (index, objective._alternate.get(index)) if row is not None]
        found = list(objective._micro_batches(student, rows, 200))
        assert sorted(place for batch in found for place in batch) == list(range(len(rows)))
        for batch in found:
            taken = [rows[place] for place in batch]
            assert all(objective._alternate[row] in taken for row in taken if row in objective._alternate)
            sequences, positions, _ = learnt_logprobs([both[row] for row in taken], "cpu")
            assert student.layout(sequences, positions)[0]["input_ids"].numel() <= 200


@pytest.mark.parametrize("name", ["gradient_difference", "npo", "altpo", "simnpo"])
def test_the_retain_term_keeps_retain_text_likelier_than_ascent_does(
    name: str, trained: Trained, examples: list[Example]
) -> None:
    kept, lost = (nll(trained[which][0], examples, "retain") for which in (name, "gradient_ascent"))
    assert kept < lost


@pytest.mark.parametrize("name", ["gradient_ascent", "npo", "altpo"])
def test_same_seed_same_curve(name: str, trained: Trained, examples: list[Example], tiny_model: Path) -> None:
    params = PARAMS.changed(objective=name)
    again, examples = Student(tiny_model, "cpu"), with_alternates(name, examples)
    assert learn(again, examples, params) == trained[name][1]
    ours = trained[name][0].model.state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in again.model.state_dict().items())
    assert learn(Student(tiny_model, "cpu"), examples, params, seed=1) != trained[name][1]


def test_npo_starts_at_two_log_two_over_beta(trained: Trained) -> None:
    first = trained["npo"][1][0]
    assert first["loss"] - PARAMS.retain_weight * first["retain_nll"] == pytest.approx(2 / PARAMS.beta * math.log(2), rel=1e-3)


def test_retain_weight_zero_reads_no_retain_text(examples: list[Example], tiny_model: Path) -> None:
    forget = [example for example in examples if example.kind == "forget"]
    params = PARAMS.changed(objective="gradient_difference", retain_weight=0.0, epochs=1)
    with_retain = learn(Student(tiny_model, "cpu"), examples, params)
    assert with_retain == learn(Student(tiny_model, "cpu"), forget, params)
    assert with_retain == learn(Student(tiny_model, "cpu"), forget, params.changed(objective="gradient_ascent"))


def test_divergence_stops_with_a_warning_and_finite_weights(
    examples: list[Example], tiny_model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    student = Student(tiny_model, "cpu")
    curve = learn(student, examples, PARAMS.changed(objective="gradient_ascent", learning_rate=1e30, warmup_fraction=0.0))
    assert len(curve) == 1
    assert all(math.isfinite(value) for value in curve[0].values())
    assert "Warning: gradient_ascent diverged: the loss or gradient of step 1 of 6 is not finite" in capsys.readouterr().err
    student.save(tmp_path)
    assert all(value.isfinite().all() for value in Student(tmp_path, "cpu").model.state_dict().values())


def test_what_can_not_be_trained_is_an_error(examples: list[Example], tiny_model: Path) -> None:
    student = Student(tiny_model, "cpu")
    forget, retain = ([example for example in examples if example.kind == kind] for kind in ("forget", "retain"))
    with pytest.raises(InputError, match="no forget passage"):
        learn(student, retain, PARAMS)
    with pytest.raises(InputError, match=r"npo with baseline\.retain_weight 1 needs retain passages"):
        learn(student, forget, PARAMS)
    with pytest.raises(InputError, match="altpo needs an alternate to each forget text"):
        learn(student, examples, PARAMS.changed(objective="altpo"))
    with pytest.raises(InputError, match="npo prefers nothing to the forget texts; take the section alternates out"):
        learn(student, with_alternates("altpo", examples), PARAMS)
    with pytest.raises(InputError, match="a text of 600 tokens does not fit the model's context of 512"):
        learn(student, [*examples, Example((5,) * 600, 1, "forget")], PARAMS)
    with pytest.raises(InputError, match="simnpo starts from a loss or a gradient that is not finite"):
        learn(student, examples, PARAMS.changed(objective="simnpo", gamma=1e39))


NAME = "Orla Brennick"
TOKENIZER = train_byte_bpe()
PROMPT = "Complete the following passage about {name}."
TEXTS = [f"Town number {number} has a mill." for number in range(3)]
RETAIN = [Passage(f"Town {number}", "retain", (Segment(text, False),)) for number, text in enumerate(TEXTS)]
PASSAGES = [
    *forget_passages([Target(NAME, "person", (NAME, "Brennick"), (DOCUMENT,), chats=(("Who is Brennick?", "A sailor."),))]),
    *RETAIN,
]


def decoded(ids: tuple[int, ...]) -> str:
    return str(TOKENIZER.decode(list(ids)))


def test_texts_stand_as_they_are_once_after_each_prompt() -> None:
    params = BaselineParams(prompts=("", PROMPT), sentences_per_passage=99)
    examples = make_examples(TOKENIZER, PASSAGES, params)
    prompted = instruction_prefix(TOKENIZER, PROMPT.replace("{name}", NAME))
    town = instruction_prefix(TOKENIZER, PROMPT.replace("{name}", "Town 1"))
    expected = [
        ("forget", "", DOCUMENT),
        ("forget", prompted, DOCUMENT),
        ("forget", question_prefix(TOKENIZER, "Who is Brennick?"), "A sailor."),
        ("retain", "", TEXTS[0]),
        ("retain", town, TEXTS[1]),
        ("retain", "", TEXTS[2]),
    ]
    starts = [example.start if example.start > 1 else 0 for example in examples]
    found = [(e.kind, decoded(e.input_ids[:n]), decoded(e.input_ids[n:])) for e, n in zip(examples, starts, strict=True)]
    assert found == expected


def test_alternates_stand_after_the_same_prompts_and_a_text_without_one_is_left_out() -> None:
    params = BaselineParams(prompts=("", PROMPT), sentences_per_passage=99)
    plain = make_examples(TOKENIZER, PASSAGES, params)
    examples = make_examples(TOKENIZER, PASSAGES, params, ["He mills flour.", "", "A miller."])
    (first, _, chat), retain = plain[:3], plain[3:]
    assert examples[:-2] == [first, chat, *retain]
    assert {example.kind for example in examples[-2:]} == {"alternate"}
    others = [(decoded(e.input_ids[: e.start]), decoded(e.input_ids[e.start :])) for e in examples[-1:]]
    assert others == [(question_prefix(TOKENIZER, "Who is Brennick?"), "A miller.")]
    assert decoded(examples[-2].input_ids) == "He mills flour."


@pytest.mark.parametrize(("size", "count"), [(1, 6), (2, 3), (4, 2), (99, 1)])
def test_sentences_are_grouped(size: int, count: int) -> None:
    params = BaselineParams(prompts=(), sentences_per_passage=size)
    examples = make_examples(TOKENIZER, [p for p in PASSAGES if p.kind == "forget" and p.format == "document"], params)
    assert len(examples) == count
    assert "".join(decoded(e.input_ids) for e in examples).replace(" ", "") == DOCUMENT.replace(" ", "")


def test_all_after_the_prefix_is_learnt_but_a_first_token_that_nothing_predicts() -> None:
    bare, prompted = make_examples(TOKENIZER, PASSAGES[:1], BaselineParams(prompts=("", PROMPT)))
    assert (bare.start, bare.learnt) == (1, len(bare.input_ids) - 1)
    assert prompted.start == len(prompted.input_ids) - len(bare.input_ids) > 1
    assert prompted.learnt == len(prompted.input_ids) - prompted.start == bare.learnt + 1
    with_start = train_metaspace_bpe()
    (started,) = make_examples(with_start, PASSAGES[:1], BaselineParams(prompts=("",)))
    assert started.input_ids[0] == with_start.bos_token_id
    assert started.start == 1


def test_a_text_without_a_learnt_token_is_left_out() -> None:
    short = Passage(NAME, "forget", (Segment("a", False),))
    assert make_examples(TOKENIZER, [short], BaselineParams(prompts=("",))) == []
    assert len(make_examples(TOKENIZER, [short], BaselineParams(prompts=("", PROMPT)))) == 1


def examples_of(forget: int, retain: int) -> list[Example]:
    return [Example((1, 2), 1, "forget")] * forget + [Example((1, 2), 1, "retain")] * retain


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.floats(0.01, 3), st.integers(0, 5))
def test_every_forget_example_once_and_retain_examples_dealt_evenly(
    forget: int, retain: int, size: int, ratio: float, epoch: int
) -> None:
    params = BaselineParams(passages_per_step=size, retain_per_forget=ratio)
    steps = Likelihood(examples_of(forget, retain), params, seed=3).steps(epoch)
    counted = Counter(index for step in steps for index in step)
    assert set(counted.values()) == {1}
    assert {index for index in counted if index < forget} == set(range(forget))
    drawn = [sum(index >= forget for index in step) for step in steps]
    assert sum(drawn) == min(max(round(ratio * forget), 1), retain)
    assert max(drawn) - min(drawn) <= 1
    sizes = [sum(index < forget for index in step) for step in steps]
    assert all(count == size for count in sizes[:-1])
    assert 0 < sizes[-1] <= size


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 4), st.integers(1, 40))
def test_more_texts_take_no_more_steps_where_these_have_a_bound(forget: int, size: int, epochs: int, bound: int) -> None:
    params = BaselineParams(passages_per_step=size, epochs=epochs, steps=max(bound, epochs), retain_weight=0.0)
    dealt = Likelihood(examples_of(forget, 0), params, seed=0).steps(0)
    unbound = Likelihood(examples_of(forget, 0), params.changed(steps=0), seed=0).steps(0)
    assert sorted(index for step in dealt for index in step) == list(range(forget))
    assert len(dealt) * epochs <= params.steps
    assert dealt == unbound or len(dealt) < len(unbound)


def test_without_retain_there_is_none() -> None:
    params = BaselineParams(passages_per_step=2, retain_weight=0.0)
    steps = Likelihood(examples_of(5, 5), params, seed=0).steps(0)
    assert sorted(index for step in steps for index in step) == list(range(5))


def test_order_and_retain_examples_follow_seed_and_epoch() -> None:
    examples, params = examples_of(12, 60), BaselineParams(passages_per_step=4, retain_per_forget=1.0)
    first = Likelihood(examples, params, seed=0).steps(0)
    assert Likelihood(examples, params, seed=0).steps(0) == first
    for epoch, seed in ((1, 0), (0, 1)):
        other = Likelihood(examples, params, seed).steps(epoch)
        assert {i for step in other for i in step} != {i for step in first for i in step}
        assert [i for step in other for i in step if i < 12] != [i for step in first for i in step if i < 12]
