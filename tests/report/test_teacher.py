"""The teacher in numbers, from shards as the teacher stage writes them."""

import shutil
from pathlib import Path

import pytest

from pipeline.core.runtime import RuntimeParams
from pipeline.report.teacher import passage_lines, teacher_summary
from pipeline.report.tokens import columns
from pipeline.text.tokenizer import load_tokenizer
from tests.report.inputs import write_teacher
from tests.tiny import train_byte_bpe


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_teacher(tmp_path, train_byte_bpe())
    return tmp_path


def test_histograms_are_shares_of_each_kind(root: Path) -> None:
    summary = teacher_summary(root)
    for name, kinds in summary["histograms"].items():
        assert set(kinds) == ({"forget"} if name == "swapped" else {"forget", "retain"})
        for told in kinds.values():
            assert len(told["edges"]) == len(told["shares"]) + 1
            assert sum(told["shares"]) == pytest.approx(1)
    entropy = summary["histograms"]["entropy"]["forget"]
    (bin_,) = [index for index, share in enumerate(entropy["shares"]) if share]
    assert entropy["edges"][bin_] <= 2.0 <= entropy["edges"][bin_ + 1]
    tail = summary["histograms"]["tail"]["retain"]
    (bin_,) = [index for index, share in enumerate(tail["shares"]) if share]
    assert tail["edges"][bin_] <= 0.1001 and tail["edges"][bin_ + 1] >= 0.0999
    assert 0 < summary["moved"] < 0.2


def test_it_says_instead_at_places_where_the_text_says_a_name(root: Path) -> None:
    instead = teacher_summary(root)["instead"]
    told = [(row["context"], row["token"].strip()) for row in instead["positions"]]
    assert all(token[0].isupper() and token not in "Orla Brennick" for _, token in told)
    assert any(context.endswith("town of") for context, _ in told)
    assert all(row["prob"] is None and len(row["teacher"]) == 5 for row in instead["positions"])
    assert instead["positions"][0]["teacher"][0]["prob"] == pytest.approx(0.9 / 8, rel=0.01)


def test_without_the_base_model_words_are_left_out_alone(root: Path) -> None:
    shutil.rmtree(root / "models")
    summary = teacher_summary(root)
    assert "dvc repro base" in summary["instead"]["missing"]
    assert summary["targets"] == ["Orla Brennick"]


def test_a_passage_is_printed_in_characters_and_in_columns(tmp_path: Path, tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    write_teacher(tmp_path, tokenizer, forget="李白 was born in 绍兴. 😀", base=tiny_model)
    lines = list(passage_lines(tmp_path / "data/teacher", tiny_model, 0, 3, RuntimeParams(device="cpu")))
    rows = lines[2:]
    assert len(rows) == len(tokenizer("李白 was born in 绍兴. 😀")["input_ids"]) - 1
    assert not any("\ufffd" in line for line in lines)
    texts = [line.partition("│")[0].strip() for line in rows]
    assert [text for text in texts if "兴" in text] == ["'兴' 1/3", "'兴' 2/3", "'兴' 3/3"]
    for number in range(3):
        assert len({columns("│".join(line.split("│")[: number + 1])) for line in lines[1:]}) == 1
