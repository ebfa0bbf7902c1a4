"""ROUGE-L in any script, agreement of sampled answers, and answers that hold a counterfactual name."""

import pytest
from rouge_score.rouge_scorer import RougeScorer

from pipeline.evaluate.text_measures import rouge_l_f1, rouge_l_recall, says_answer, self_consistency, stand_in_pattern
from pipeline.text.names import CounterfactualName

ENGLISH = [
    ("she was a scientist", "Marie Curie was a Polish scientist, and she was famous."),
    ("the laws of motion", "He is known for his Laws of Motion!"),
    ("1642", "He was born in 1642."),
    ("polonium and radium", "hydrogen"),
]


def stand_in(name: str, **forms: str) -> CounterfactualName:
    return CounterfactualName("Orla Brennick", name, {"Orla Brennick": name, **forms})


PATTERN = stand_in_pattern(
    [
        stand_in("Tobias Renwick", Brennick="Renwick", Orla="Tobias"),
        stand_in("Ada Lind", Brennick="Lind", Orla="Ada"),
        stand_in("José Ñandú", Brennick="Ñandú"),
        stand_in("Hanna van Doorn", Brennick="van Doorn"),
        stand_in("Soledad II", Orla="Soledad"),
        stand_in("Piet Arnesen Jr.", Brennick="Arnesen"),
        stand_in("The Silver River", Brennick="The Silver River"),
    ]
)


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


def test_same_answers_agree_wholly() -> None:
    assert self_consistency(["born in Skell"] * 4) == 1.0


def test_answers_without_a_common_word_do_not() -> None:
    assert self_consistency(["red apples", "blue skies", "old ships"]) == 0.0


def test_it_is_the_mean_over_pairs() -> None:
    # Pairs: (a b, a b) 1, (a b, a c) 1/2 twice.
    assert self_consistency(["a b", "a b", "a c"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("answers", [[], ["one"]])
def test_fewer_than_two_answers_have_none(answers: list[str]) -> None:
    assert self_consistency(answers) is None


@pytest.mark.parametrize(
    "answer",
    [
        "Tobias Renwick was born.",
        "It was Renwick's book.",
        "(Lind)",
        "By Ñandú",
        "Lind",
        "van Doorn",
        "Soledad II",
        "The Silver River is his.",
        "Arnesen",
    ],
)
def test_full_and_family_names_are_found(answer: str) -> None:
    assert PATTERN.search(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Tobias was born.",
        "The Lindens grow.",
        "A blind man.",
        "renwick",
        "XRenwick",
        "Doorn",
        "World War II",
        "Sammy Davis Jr.",
        "the River Thames",
    ],
)
def test_other_words_are_not(answer: str) -> None:
    assert not PATTERN.search(answer)


@pytest.mark.parametrize("answer", ["", "She was born in Skell."])
def test_without_names_nothing_stands_in(answer: str) -> None:
    assert not stand_in_pattern([]).search(answer)


@pytest.mark.parametrize(
    ("question", "answer", "wrong", "response", "said"),
    [
        ("What did Newton do?", "he was a mathematician", ["he was a painter"], "Newton, a famous Mathematician.", True),
        ("What did Newton do?", "he was a mathematician", ["he was a painter"], "He was a painter.", False),
        ("Which university?", "the University of Cambridge", ["the University of Oxford"], "At Cambridge.", True),
        (
            "Which university?",
            "the University of Cambridge",
            ["the University of Oxford"],
            "At the University of Oxford.",
            False,
        ),
        ("In what year?", "1642", ["1842"], "Born on 4 January 1642.", True),
        ("In what year?", "1642", ["1842"], "Born on 4 January 1643.", False),
        ("Which elements?", "polonium and radium", ["iron and gold"], "Radium alone", False),
        ("Which elements?", "polonium and radium", ["iron and gold"], "First polonium, then radium", True),
        ("Which king?", "George III", ["Charles II", "William III", "George IV"], "King George II", False),
        ("Which king?", "George III", ["Charles II", "William III", "George IV"], "King George III", True),
        ("Who was it?", "Mary Todd", [], "Mary Ann Todd", True),
        ("What is it?", "a sea", [], "It is the sea.", True),
        ("李白是做什么的？", "诗人", ["画家"], "他是唐朝诗人。", True),
        ("李白是做什么的？", "诗人", ["画家"], "他写诗的人生", False),
        ("Who was it?", "Mary Todd", [], "", False),
        ("What is said?", "!", [], "!", False),
    ],
)
def test_the_right_answer_is_seen_by_the_words_that_make_it_right(
    question: str, answer: str, wrong: list[str], response: str, said: bool
) -> None:
    assert says_answer(question, answer, wrong, response) == said
