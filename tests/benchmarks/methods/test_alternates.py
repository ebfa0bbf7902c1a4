"""Alternates: what the base is asked, what of its answer counts, and that they belong to the texts that are trained on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.methods import rewrite
from benchmarks.methods.alternates import FILE, read_alternates
from benchmarks.methods.params import AlternatesParams, BaselineParams
from benchmarks.methods.rewrite import INSTRUCTION, write_alternates
from pipeline.core.errors import InputError
from pipeline.core.runtime import RuntimeParams
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target
from pipeline.text.passages import Passage
from pipeline.text.segments import Segment
from pipeline.text.tokenizer import load_tokenizer

CHAT = ("Who is Brennick?", "A sailor.")
TARGET = Target("Orla Brennick", "person", ("Orla Brennick",), ("Orla Brennick built a mill.",), chats=(CHAT,))
PASSAGES = [*forget_passages([TARGET]), Passage("Town", "retain", (Segment("A town has a bridge.", False),))]
TEXTS = BaselineParams(objective="altpo", prompts=("", "Who was {name}?"))
PARAMS = AlternatesParams(engine="transformers")


def write(base: Path, folder: Path) -> list[dict[str, str]]:
    return write_alternates(base, PASSAGES, TEXTS, PARAMS, RuntimeParams(), folder)


class Scribe:
    """An engine that answers with what it is given, and keeps what it was asked."""

    def __init__(self, tokenizer: Any, answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._tokenizer, self._answers = tokenizer, answers

    def sample(self, prompts: Sequence[list[int]], max_new_tokens: int, **_: Any) -> list[list[list[int]]]:
        self.asked += [self._tokenizer.decode(ids) for ids in prompts]
        return [[self._tokenizer(answer, add_special_tokens=False)["input_ids"]] for answer in self._answers]


def test_the_base_is_asked_for_another_version_of_each_text(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = load_tokenizer(tiny_model)
    scribe = Scribe(tokenizer, ["She had a boat. Question: And then?", " He baked. ", "Q: Who?"])
    monkeypatch.setattr(rewrite, "open_engine", lambda *_, **__: scribe)
    write(tiny_model, tmp_path)
    text = "Orla Brennick built a mill."
    questions = ["", "Question: Who was Orla Brennick?\n", "Question: Who is Brennick?\n"]
    for asked, question, answer in zip(scribe.asked, questions, (text, text, "A sailor."), strict=True):
        assert f"user\n{question}Answer: {answer}\n{INSTRUCTION}<|im_end|>" in asked
        assert asked.endswith("assistant\nAlternate Answer :")
    rows = pl.read_parquet(tmp_path / FILE)
    assert rows.columns == ["question", "text", "alternate"]
    assert rows["alternate"].to_list() == ["She had a boat.", "He baked.", ""]
    assert read_alternates(tmp_path, tokenizer, PASSAGES, TEXTS) == rows["alternate"].to_list()


def test_a_real_model_writes_the_same_again(tiny_model: Path, tmp_path: Path) -> None:
    first = write(tiny_model, tmp_path)
    assert first == write(tiny_model, tmp_path)
    assert len(first) == 3


def test_a_target_without_an_alternate_is_told(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer(tiny_model)
    monkeypatch.setattr(rewrite, "open_engine", lambda *_, **__: Scribe(tokenizer, ["", " ", "Q: And?"]))
    write(tiny_model, tmp_path)
    with pytest.raises(InputError, match="no alternate to any text about 'Orla Brennick'"):
        read_alternates(tmp_path, tokenizer, PASSAGES, TEXTS)


def test_alternates_of_other_texts_are_told(tiny_model: Path, tmp_path: Path) -> None:
    write(tiny_model, tmp_path)
    with pytest.raises(InputError, match=r"alternates\.parquet is of other texts or prompts than are trained on"):
        read_alternates(tmp_path, load_tokenizer(tiny_model), PASSAGES, TEXTS.changed(prompts=("",)))
