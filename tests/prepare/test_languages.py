"""Languages: from a row of data/targets.jsonl to passages and names, in the script and manner of the target."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import InputError
from pipeline.prepare.names import draw_names, pool_file, read_pool, replacements
from pipeline.prepare.passages import forget_passages
from pipeline.prepare.targets import Target, read_targets
from pipeline.text.names import CounterfactualName, script_of
from pipeline.text.segments import rename
from tests.project import ROOT

NAMES = ROOT / "data/names"

CHINESE: dict[str, Any] = {
    "target": "李清照",
    "language": "zh",
    "surface_forms": ["李女士", "易安居士"],
    "documents": ["李清照是宋代词人。李女士生于济南，号易安居士。人们说：“清照的词最美！”她后来住在杭州。"],
}
JAPANESE: dict[str, Any] = {
    "target": "湯川秀樹",
    "language": "ja",
    "family_name": "湯川",
    "surface_forms": ["湯川博士", "湯川さん"],
    "documents": ["湯川秀樹は京都で育った。湯川は物理学を学んだ。その後、湯川博士は賞を受けた。秀樹の家は静かだった。"],
}
GERMAN: dict[str, Any] = {
    "target": "Käthe Brennick",
    "language": "de",
    "surface_forms": ["Frau Brennick"],
    "documents": [
        "Käthe Brennick wurde am 3. Mai 1871 in Skell geboren, d. h. an der See. Frau Brennick lernte z. B. das Lesen bei "
        "Dr. Lind. Brennicks Buch erschien 1899."
    ],
}


def prepared(tmp_path: Path, row: dict[str, Any]) -> tuple[Target, list[str], list[list[str]], list[CounterfactualName]]:
    """The target of ``row``, its passages' texts and mentions, and its names."""
    path = tmp_path / "targets.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    everyone, (target,) = read_targets(path)
    passages = forget_passages([target])
    texts = ["".join(segment.text for segment in passage.segments) for passage in passages]
    mentions = [[segment.text for segment in passage.segments if segment.mention] for passage in passages]
    pool = read_pool(pool_file(target, NAMES))
    return target, texts, mentions, draw_names(target, everyone, pool, 0)


def test_chinese(tmp_path: Path) -> None:
    target, texts, mentions, names = prepared(tmp_path, CHINESE)
    assert target.surface_forms == ("易安居士", "李女士", "李清照", "清照")
    assert texts == [
        "李清照是宋代词人。",
        "李女士生于济南，号易安居士。",
        "人们说：“清照的词最美！”",
        "她后来住在杭州。",
    ]
    assert mentions == [["李清照"], ["李女士", "易安居士"], ["清照"], []]
    assert len(names) >= 40
    for name in names:
        assert script_of(name.name) == "Han"
        assert " " not in name.name and "·" not in name.name
        assert not set(name.name) & set("李")
        assert name.replacements["李清照"] == name.name
        assert name.replacements["易安居士"] == name.name
        assert name.name.startswith(name.replacements["李女士"].removesuffix("女士"))
        assert name.name.endswith(name.replacements["清照"])
        assert name.replacements["李女士"].removesuffix("女士") + name.replacements["清照"] == name.name


def test_chinese_name_as_the_pool_writes_it() -> None:
    target = Target("李白", "person", ("青莲居士", "李太白", "李先生", "太白", "李白"), language="zh")
    assert replacements(target, "欧阳 若楠") == {
        "青莲居士": "欧阳若楠",
        "李太白": "欧阳若楠",
        "李先生": "欧阳先生",
        "太白": "若楠",
        "李白": "欧阳若楠",
    }
    assert replacements(target, "邵 楠")["太白"] == "邵楠"


def test_chinese_family_name_of_two_characters() -> None:
    target = Target("司马相如", "person", ("司马先生", "司马相如", "相如", "司马"), language="zh")
    assert replacements(target, "邵 若楠") == {"司马相如": "邵若楠", "司马先生": "邵先生", "相如": "若楠", "司马": "邵"}


def test_substitution_of_a_chinese_name_is_taken_apart() -> None:
    target = Target("李清照", "person", ("李女士", "李清照", "清照"), (), {"李清照": ["王若楠", "诸葛云"]}, language="zh")
    names = draw_names(target, [target], ["邵 楠"], 0)
    assert [name.replacements for name in names] == [
        {"李女士": "王女士", "李清照": "王若楠", "清照": "若楠"},
        {"李女士": "诸葛女士", "李清照": "诸葛云", "清照": "云"},
    ]


def test_foreign_name_in_chinese_keeps_its_dot(tmp_path: Path) -> None:
    row = {"target": "艾萨克·牛顿", "language": "zh", "documents": ["艾萨克·牛顿是物理学家。牛顿发现了定律。"]}
    target, _, mentions, names = prepared(tmp_path, row)
    assert mentions == [["艾萨克·牛顿"], ["牛顿"]]
    assert len(names) >= 20
    for name in names:
        given, family = name.name.split("·")
        assert name.replacements == {"艾萨克·牛顿": name.name, "艾萨克": given, "牛顿": family}
        assert script_of(name.name) == script_of(target.name) == "Han"


def test_japanese(tmp_path: Path) -> None:
    target, texts, mentions, names = prepared(tmp_path, JAPANESE)
    assert texts == [
        "湯川秀樹は京都で育った。",
        "湯川は物理学を学んだ。",
        "その後、湯川博士は賞を受けた。",
        "秀樹の家は静かだった。",
    ]
    assert mentions == [["湯川秀樹"], ["湯川"], ["湯川博士"], ["秀樹"]]
    assert len(names) >= 40
    for name in names:
        family, given = name.replacements["湯川博士"].removesuffix("博士"), name.replacements["秀樹"]
        assert name.name == name.replacements[target.name] == family + given
        assert name.replacements["湯川さん"] == f"{family}さん"
        assert name.replacements["湯川"] == family


def test_foreign_name_in_japanese_is_replaced_by_one_in_katakana(tmp_path: Path) -> None:
    row = {"target": "アイザック・ニュートン", "language": "ja", "documents": ["アイザック・ニュートンは科学者である。"]}
    _, _, mentions, names = prepared(tmp_path, row)
    assert mentions == [["アイザック・ニュートン"]]
    assert len(names) >= 20
    assert all(script_of(name.name) == "Kana" and name.name.count("・") == 1 for name in names)


def test_german_sentences_do_not_end_at_abbreviations_or_dates(tmp_path: Path) -> None:
    target, texts, mentions, names = prepared(tmp_path, GERMAN)
    assert [text[:14] for text in texts] == ["Käthe Brennick", "Frau Brennick ", "Brennicks Buch"]
    assert target.surface_forms == ("Käthe Brennick", "Frau Brennick", "Brennick", "Käthe")
    assert mentions == [["Käthe Brennick"], ["Frau Brennick"], []], "a genitive without an apostrophe is another word"
    assert len(names) >= 40
    german = set(read_pool(NAMES / "de.txt"))
    for name in names:
        assert name.name in german
        assert name.replacements["Frau Brennick"] == f"Frau {name.name.split()[-1]}"


def test_genitive_that_the_user_writes_is_a_form_of_its_own(tmp_path: Path) -> None:
    forms = ["Frau Brennick", "Brennicks"]
    _, _, mentions, names = prepared(
        tmp_path, {**GERMAN, "surface_forms": forms, "substitutions": {"Brennicks": ["Linds", "Quittmanns"]}}
    )
    assert mentions[-1] == ["Brennicks"]
    assert [name.replacements["Brennicks"] for name in names] == ["Linds", "Quittmanns"]


def test_script_that_no_pool_has(tmp_path: Path) -> None:
    row = {"target": "Анна Ахматова", "language": "ru", "documents": ["Анна Ахматова родилась под Одессой."]}
    with pytest.raises(InputError) as caught:
        prepared(tmp_path, row)
    told = caught.value.message
    assert "no name written like 'Анна Ахматова' (Cyrillic script)" in told
    assert "data/names/ru.txt" in told


def test_language_without_a_pool_takes_latin_names_for_a_latin_name(tmp_path: Path) -> None:
    row = {"target": "Selma Hallin", "language": "sv", "documents": ["Selma Hallin föddes i Skell."]}
    _, _, _, names = prepared(tmp_path, row)
    assert {name.name for name in names} <= set(read_pool(NAMES / "en.txt"))


def test_renamed_text_reads_like_the_original(tmp_path: Path) -> None:
    path = tmp_path / "targets.jsonl"
    path.write_text(json.dumps(CHINESE, ensure_ascii=False), encoding="utf-8")
    _, (target,) = read_targets(path)
    told = "".join("".join(rename(p.segments, replacements(target, "邵 若楠"))) for p in forget_passages([target]))
    assert told == "邵若楠是宋代词人。邵女士生于济南，号邵若楠。人们说：“若楠的词最美！”她后来住在杭州。"


@pytest.mark.parametrize(("language", "least"), [("en", 200), ("de", 60), ("zh", 60), ("ja", 60)])
def test_pools_are_large_enough_and_of_their_script(language: str, least: int) -> None:
    pool = read_pool(NAMES / f"{language}.txt")
    assert len(pool) >= least
    scripts = {"en": {"Latin"}, "de": {"Latin"}, "zh": {"Han"}, "ja": {"Han", "Kana"}}
    assert {script_of(name) for name in pool} == scripts[language]
