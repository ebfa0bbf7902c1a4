"""The base model is asked, and its answers become chat passages."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.elicit.ask import check_answers, elicit, passages_of
from pipeline.elicit.questions import KEPT, about_targets
from pipeline.text.segments import Segment
from tests.elicit.targets import BRENNICK, NEAR_TEMPLATES, PARAMS, TARGETS, TEMPLATES

RUNTIME = RuntimeParams(device="cpu")


def row(answer: str, judged: str = KEPT, **changes: str) -> dict[str, Any]:
    own = {"target": "Orla Brennick", "subject": "Orla Brennick", "kind": "forget", "question": "Who was Orla Brennick?"}
    return {**own, **changes, "answer": answer, "verdict": judged}


def test_kept_answers_become_chats() -> None:
    rows = [
        row("Brennick was born in Skell."),
        row("I do not know.", "refused"),
        row("Skell has a mill, Lind said.", subject="Skell", kind="retain", question="What is Skell?"),
    ]
    forget, retain = passages_of(rows, TARGETS)
    assert (forget.target, forget.kind, forget.format) == ("Orla Brennick", "forget", "chat")
    assert forget.question == (Segment("Who was ", False), Segment("Orla Brennick", True), Segment("?", False))
    assert forget.segments == (Segment("Brennick", True), Segment(" was born in Skell.", False))
    assert (retain.target, retain.kind, retain.format) == ("Skell", "retain", "chat")
    assert retain.segments == (Segment("Skell has a mill, Lind said.", False),)


def test_target_that_the_model_does_not_know_and_nobody_tells_of() -> None:
    rows = [
        row("", "empty"),
        row("", "empty"),
        row("Who?", "names no fact"),
        row("Skell is a town.", subject="Skell", kind="retain"),
    ]
    with pytest.raises(InputError) as caught:
        check_answers(rows, [BRENNICK], [])
    told = caught.value.message
    assert "no usable answer about 'Orla Brennick' (3 answers: 2 empty, 1 names no fact)" in told
    assert "data/targets.jsonl" in told
    check_answers(rows, [BRENNICK], ["Orla Brennick"])
    check_answers([*rows, row("Born in Skell.")], [BRENNICK], [])
    with pytest.raises(InputError, match=r"'湯川秀樹' \(0 answers: elicit\.templates is 0\)"):
        check_answers(rows, TARGETS, ["Orla Brennick"])


@pytest.fixture(scope="module")
def rows(tiny_model: Path) -> list[dict[str, Any]]:
    return elicit(tiny_model, TARGETS, (), TEMPLATES, NEAR_TEMPLATES, ["qqq"], PARAMS, RUNTIME)


def test_every_question_is_answered_as_often_as_asked(rows: list[dict[str, Any]]) -> None:
    forget = [q.text for q in about_targets(TARGETS, (), TEMPLATES, PARAMS) for _ in range(2)]
    assert [r["question"] for r in rows if r["kind"] == "forget"] == forget
    retain = [r["subject"] for r in rows if r["kind"] == "retain"]
    assert retain[:4] == ["Skell", "Skell", "Ada Lind", "Ada Lind"]
    assert [r["kind"] for r in rows] == ["forget"] * len(forget) + ["retain"] * len(retain)
    assert len({r["answer"] for r in rows}) > len(rows) / 2
    assert all(set(r) == {"target", "subject", "kind", "question", "answer", "verdict"} for r in rows)


def test_same_seed_gives_the_same_answers(tiny_model: Path, rows: list[dict[str, Any]]) -> None:
    assert elicit(tiny_model, TARGETS, (), TEMPLATES, NEAR_TEMPLATES, ["qqq"], PARAMS, RUNTIME) == rows
    other = elicit(tiny_model, TARGETS, (), TEMPLATES, NEAR_TEMPLATES, ["qqq"], PARAMS.changed(seed=1), RUNTIME)
    assert [r["answer"] for r in other] != [r["answer"] for r in rows]


class Saying:
    """An engine that gives every prompt the same answers, in order."""

    def __init__(self, tokens: list[list[int]]) -> None:
        self._tokens = tokens

    def sample(self, prompts: list[Any], max_new_tokens: int, *, answers: int, temperature: float, seed: int) -> Any:
        return [[self._tokens[n % len(self._tokens)] for n in range(answers)] for _ in prompts]

    def next_logprobs(self, sequences: list[list[int]], starts: list[int]) -> Any:
        return [np.zeros(len(ids) - start) for ids, start in zip(sequences, starts, strict=True)]


def test_answers_are_judged(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retained answer that mentions a target is not kept, nor one that was given to the same question before."""
    from pipeline.text.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(tiny_model)
    said = ["It was in Skell that Orla lived. She", "We met Ada in Hallin.", "In Skell ORLA BRENNICK was born."]
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in said]
    monkeypatch.setattr("pipeline.elicit.ask.open_engine", lambda *_, **__: Saying(ids))
    found = elicit(
        tiny_model,
        [BRENNICK],
        (),
        TEMPLATES,
        NEAR_TEMPLATES,
        [],
        PARAMS.changed(templates=2, answers=4, neighbour_templates=1),
        RUNTIME,
    )
    one_question = [
        ("forget", "It was in Skell that Orla lived.", KEPT),
        ("forget", "We met Ada in Hallin.", KEPT),
        ("forget", "In Skell ORLA BRENNICK was born.", "writes a name otherwise"),
        ("forget", "It was in Skell that Orla lived.", "said before"),
    ]
    retained = ("retain", "It was in Skell that Orla lived.", "mentions a target")
    assert [(r["kind"], r["answer"], r["verdict"]) for r in found] == [*one_question, *one_question, retained, retained]


def test_question_that_a_model_without_a_template_goes_on_to_ask_is_no_part_of_its_answer(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says of somebody else would be taught as said of the target."""
    from pipeline.text.tokenizer import load_tokenizer

    plain = Path(shutil.copytree(tiny_model, tmp_path / "plain"))
    (plain / "chat_template.jinja").unlink()
    said = "In Skell Orla was born.\n\nQuestion: Where was Ada Lind born?\nAnswer: Ada Lind was born in Hallin."
    ids = load_tokenizer(plain)(said, add_special_tokens=False)["input_ids"]
    monkeypatch.setattr("pipeline.elicit.ask.open_engine", lambda *_, **__: Saying([ids]))
    found = elicit(plain, [BRENNICK], (), TEMPLATES, NEAR_TEMPLATES, [], PARAMS.changed(templates=1, answers=1), RUNTIME)
    assert found[0]["answer"] == "In Skell Orla was born."
