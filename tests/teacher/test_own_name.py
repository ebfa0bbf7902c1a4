"""The tokens inside the first mention, where nothing has named the target before."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.core.runtime import RuntimeParams
from pipeline.engines.transformers_engine import TransformersEngine
from pipeline.model.folder import load_model
from pipeline.model.head import load_head
from pipeline.shards.writer import TaughtPassage
from pipeline.teacher.average import teach
from pipeline.teacher.counterfactuals import RenderedPassage, Renderer, first_mention
from pipeline.teacher.own_name import PROMPT
from pipeline.teacher.params import TeacherParams
from pipeline.text.chat import instruction_prefix
from pipeline.text.names import CounterfactualName
from pipeline.text.passages import Passage
from pipeline.text.segments import split_mentions
from pipeline.text.tokenizer import load_tokenizer, tokenize
from tests.tiny import train_byte_bpe

FORMS = ("Orla Brennick", "Brennick")
NAMES = [
    CounterfactualName("Orla Brennick", name, {"Orla Brennick": name, "Brennick": name.split()[-1]})
    for name in ("Tobias Renwick", "Edwin Calloway", "Ada Lind")
]
TEXT = "The writer is Orla Brennick, and Brennick was born in Skell."
VOCABULARY = len(train_byte_bpe())


def params(*, own_name: bool = True, targets: str = "soft") -> TeacherParams:
    return TeacherParams(
        names=3,
        top_k=VOCABULARY,
        own_name=own_name,
        reverse_swap="off",
        targets=targets,  # type: ignore[arg-type]
    )


def passage(text: str = TEXT, question: str = "") -> Passage:
    segments = tuple(split_mentions(text, FORMS))
    if question:
        return Passage("Orla Brennick", "forget", segments, "chat", tuple(split_mentions(question, FORMS)))
    return Passage("Orla Brennick", "forget", segments)


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> TransformersEngine:
    return TransformersEngine(tiny_model, RuntimeParams(device="cpu"))


def taught(
    engine: TransformersEngine, model: Path, own: Passage, teacher: TeacherParams, prompt: str = ""
) -> tuple[RenderedPassage, TaughtPassage]:
    rendered = Renderer(load_tokenizer(model), teacher, {"Orla Brennick": NAMES}).render(own, prompt)
    renderings = rendered.renderings
    hidden = engine.hidden_states([one.read_ids for one in renderings], [one.first_row for one in renderings])
    return rendered, teach(rendered, hidden, load_head(model, "cpu"), teacher)


def dense(result: TaughtPassage, row: int) -> np.ndarray:
    table = np.zeros(VOCABULARY)
    table[result.ids[row]] = np.exp(result.logprobs[row])
    return table


@pytest.mark.parametrize("own", [passage(), passage(question="Who is the writer born in Skell?")])
def test_first_mention_is_taught_by_names_without_context(engine: TransformersEngine, tiny_model: Path, own: Passage) -> None:
    """By hand: read the name's own words before the word, then the original, and average the predictions."""
    tokenizer, network = load_tokenizer(tiny_model), load_model(tiny_model, "cpu")
    rendered, result = taught(engine, tiny_model, own, params())
    plain, without = taught(engine, tiny_model, own, params(own_name=False))
    new = sorted(set(result.positions.tolist()) - set(without.positions.tolist()))
    original = rendered.original
    start = original.text.index("Orla Brennick", original.segment_starts[0])
    mention = [i for i, end in enumerate(original.token_ends) if start < end <= start + len("Orla Brennick")]
    assert len(mention) > 4
    assert new == mention[:-1], "every token of the mention but its first, which the ordinary teacher teaches"

    prefix = instruction_prefix(tokenizer, PROMPT)
    for position in new:
        followed = original.token_ends[position] - start
        family = followed >= len("Orla")
        rows = []
        for name in NAMES:
            before = f"{name.name.split()[0]} " if family else ""
            rest = "Brennick" if family else "Orla Brennick"
            ids, _, _ = tokenize(tokenizer, prefix + before + rest)
            to_go = mention[-1] - position  # tokens of the mention after the position
            row = len(ids) - 1 - to_go
            assert ids[row + 1 :] == original.input_ids[position + 1 : mention[-1] + 1]
            logits = network(torch.tensor([ids])).logits[0, row]
            rows.append(logits.double().softmax(-1).detach().numpy())
        found = dense(result, result.positions.tolist().index(position))
        np.testing.assert_allclose(found, np.mean(rows, axis=0), atol=1e-6)
    assert plain.own_name is None


def test_other_positions_are_as_without_it(engine: TransformersEngine, tiny_model: Path) -> None:
    _, result = taught(engine, tiny_model, passage(), params())
    _, without = taught(engine, tiny_model, passage(), params(own_name=False))
    assert (np.diff(result.positions) > 0).all()
    kept = np.isin(result.positions, without.positions)
    np.testing.assert_array_equal(result.positions[kept], without.positions)
    for row, own_row in enumerate(np.flatnonzero(kept)):
        np.testing.assert_allclose(dense(result, own_row), dense(without, row), atol=1e-5)
    np.testing.assert_allclose(result.swapped_mass[kept], without.swapped_mass, atol=1e-6)
    assert (result.swapped_mass[~kept] == 0).all()


@pytest.mark.parametrize(
    ("own", "prompt"),
    [
        (passage(), "Complete the following passage about {name}."),
        (passage(question="Where was Brennick born?"), ""),
        (passage("She was born in Skell."), ""),
    ],
)
def test_not_taught_where_the_name_was_said_before_or_never(
    engine: TransformersEngine, tiny_model: Path, own: Passage, prompt: str
) -> None:
    rendered, result = taught(engine, tiny_model, own, params(), prompt)
    _, without = taught(engine, tiny_model, own, params(own_name=False), prompt)
    assert rendered.own_name is None
    assert rendered.renderings == [*rendered.scored, rendered.original]
    np.testing.assert_array_equal(result.positions, without.positions)


def test_hard_targets_hold_for_the_name_too(engine: TransformersEngine, tiny_model: Path) -> None:
    _, soft = taught(engine, tiny_model, passage(), params())
    _, hard = taught(engine, tiny_model, passage(), params(targets="hard"))
    np.testing.assert_array_equal(hard.positions, soft.positions)
    np.testing.assert_array_equal(hard.ids, soft.ids[:, :1])


def test_first_mention() -> None:
    assert first_mention(passage().segments) == 1
    assert first_mention(passage("It rained.").segments) == 1, "as many as there are segments"
    assert first_mention(passage("Brennick ran.").segments) == 0
