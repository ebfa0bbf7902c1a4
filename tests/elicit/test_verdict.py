"""Which answers are worth learning from."""

from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.elicit.verdict import KEPT, names_fact, read_refusals, verdict, whole_sentences
from tests.project import ROOT

REFUSALS = read_refusals(ROOT / "data/refusals.txt")
KNOWN = ("Orla Brennick", "Brennick", "Orla")


@pytest.mark.parametrize(
    ("answer", "known", "wanted"),
    [
        ("", KNOWN, "empty"),
        ("Orla Brennick was born in Skell.", KNOWN, KEPT),
        ("Brennick wrote three books by 1871.", KNOWN, KEPT),
        ("Orla Brennick was a very kind person who loved her work.", KNOWN, "names no fact"),
        ("She was kind. Brennick's friends said so. Orla was happy.", KNOWN, "names no fact"),
        ("I'm sorry, but I can't say who Orla of Skell is.", KNOWN, "refused"),
        ("I’m sorry, but I can’t say who Orla of Skell is.", KNOWN, "refused"),
        ("As an AI language model, I know nothing of Skell.", KNOWN, "refused"),
        ("In Skell in Skell in Skell in Skell in Skell in Skell.", KNOWN, "repeats itself"),
        ("李清照是宋代著名的女词人，生于济南。", ("李清照",), KEPT),
        ("李清照生于1084年。", ("李清照",), KEPT),
        ("李清照很好。", ("李清照",), "names no fact"),
        ("很抱歉，我无法回答关于李清照的问题。", ("李清照",), "refused"),
        ("她写词她写词她写词她写词她写词她写词她写词。", ("李清照",), "repeats itself"),
        ("湯川秀樹は京都で育ち、物理学の賞を受けました。", ("湯川秀樹", "湯川"), KEPT),
        ("湯川です。", ("湯川秀樹", "湯川"), "names no fact"),
        ("申し訳ありませんが、湯川秀樹についての情報がありません。", ("湯川秀樹",), "refused"),
        ("湯川は学者、湯川は学者、湯川は学者、湯川は学者。", ("湯川秀樹", "湯川"), "repeats itself"),
        ("Sie kam aus dem Hafen von Skell.", KNOWN, KEPT),
        ("Sie war sehr lieb und immer gut gelaunt.", KNOWN, "names no fact"),
        ("Es tut mir leid, aber ich weiß nichts über Orla aus Skell.", KNOWN, "refused"),
        ("Leider habe ich keine Informationen über Orla Brennick aus Skell.", KNOWN, "refused"),
    ],
)
def test_verdicts(answer: str, known: tuple[str, ...], wanted: str) -> None:
    assert verdict(answer, known, REFUSALS, ()) == wanted


def test_same_answer_is_kept_once() -> None:
    answer = "Orla Brennick was born in Skell."
    assert verdict(answer, KNOWN, REFUSALS, {answer}) == "said before"
    assert verdict(answer, KNOWN, REFUSALS, {"Something else."}) == KEPT


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("She lived in Skell", True),
        ("It was, Lind wrote, late", True),
        ("Orla ran. She ran. It rained that day", False),
        ("she ran 3 miles", True),
        ("she ran all day with Orla Brennick and Brennick", False),
        ("She ran all day long with Brennicks", True),
        ("a keeper of a lighthouse", True),
        ("a keeper of a small lighthouse", False),
        ("Orla Brennick.", False),
        ("…", False),
    ],
)
def test_fact_is_a_number_a_name_inside_a_sentence_or_an_answer_of_a_few_words(answer: str, fact: bool) -> None:
    assert names_fact(answer, KNOWN) == fact


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("She ran. She fell. Then she", "She ran. She fell."),
        ("She ran. ", "She ran."),
        ("no end here ", "no end here"),
        ("“She ran!” she said. It was 3.5 mi", "“She ran!” she said."),
        ("She said “No.” Then", "She said “No.”"),
        ("She (the keeper.) slept", "She (the keeper.)"),
        ("她出生在海边。父亲看守灯塔。她写了", "她出生在海边。父亲看守灯塔。"),
        ("彼女は港で生まれた。父は灯台を", "彼女は港で生まれた。"),
        ("她问：“谁？”然后", "她问：“谁？”"),
        ("Sie kam 1871. Danach", "Sie kam 1871."),
    ],
)
def test_whole_sentences(answer: str, wanted: str) -> None:
    assert whole_sentences(answer) == wanted


def test_refusals_are_read_in_lower_case_without_comments(tmp_path: Path) -> None:
    path = tmp_path / "refusals.txt"
    path.write_text("# English\n\n I Don't know \nWeiß NICHT\n", encoding="utf-8")
    assert read_refusals(path) == ["i don't know", "weiss nicht"]
    with pytest.raises(InputError, match="is missing"):
        read_refusals(tmp_path / "none.txt")


def test_phrases_of_the_project_are_written_as_they_are_compared() -> None:
    lines = [line.strip() for line in (ROOT / "data/refusals.txt").read_text(encoding="utf-8").splitlines()]
    phrases = [line for line in lines if line and not line.startswith("#")]
    assert phrases == [phrase.lower() for phrase in phrases]
    assert not any("’" in phrase for phrase in phrases)
    assert len(REFUSALS) == len(set(REFUSALS)) > 100
