"""ROUGE-L in any script."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from pipeline.evaluate.rouge import rouge_l_f1, rouge_l_recall

ENGLISH = [
    ("she was a scientist", "Marie Curie was a Polish scientist, and she was famous."),
    ("the laws of motion", "He is known for his Laws of Motion!"),
    ("1642", "He was born in 1642."),
    ("polonium and radium", "hydrogen"),
]


@pytest.mark.parametrize(("reference", "text"), ENGLISH)
def test_english_has_the_values_of_rouge_score(reference: str, text: str) -> None:
    theirs = RougeScorer(["rougeL"], use_stemmer=True).score(reference, text)["rougeL"]
    assert rouge_l_recall(reference, text) == theirs.recall
    assert rouge_l_f1(reference, text) == theirs.fmeasure


@pytest.mark.parametrize(
    ("reference", "text", "recall"),
    [
        ("唐代诗人", "李白是唐代的诗人。", 1.0),
        ("唐代诗人", "他是宋代词人。", 0.5),
        ("Москва", "Он родился в Москва", 1.0),
        ("in Zürich", "in Zurich", 0.5),
        ("湯川秀樹", "ノーベル賞", 0.0),
    ],
)
def test_other_scripts_count(reference: str, text: str, recall: float) -> None:
    assert rouge_l_recall(reference, text) == recall


def test_f1_does_not_depend_on_the_order() -> None:
    assert rouge_l_f1("a cat sat", "the cat sat down") == rouge_l_f1("the cat sat down", "a cat sat")
