"""How a name is put together."""

import pytest

from pipeline.prepare.name_shapes import dot_in, family_and_given, is_unspaced, script_of


@pytest.mark.parametrize(
    ("name", "script", "dot", "unspaced"),
    [
        ("Orla Brennick", "Latin", "", False),
        ("Émile Zola", "Latin", "", False),
        ("'1st Orla", "Latin", "", False),
        ("李清照", "Han", "", True),
        ("李 清照", "Han", "", False),
        ("艾萨克·牛顿", "Han", "·", False),
        ("あおい", "Kana", "", True),
        ("アルベルト・アインシュタイン", "Kana", "・", False),
        ("김소월", "Hangul", "", True),
        ("Анна Ахматова", "Cyrillic", "", False),
        ("نجيب محفوظ", "Arabic", "", False),
        ("प्रेमचंद", "Devanagari", "", False),
        ("สุนทรภู่", "Thai", "", True),
        ("1984", "other", "", False),
    ],
)
def test_script_dot_and_spaces(name: str, script: str, dot: str, unspaced: bool) -> None:
    assert (script_of(name), dot_in(name), is_unspaced(name)) == (script, dot, unspaced)


@pytest.mark.parametrize(
    ("name", "told", "parts"),
    [
        ("李清照", "", ("李", "清照")),
        ("李白", "", ("李", "白")),
        ("司马相如", "", ("司马", "相如")),
        ("司马光", "", ("司马", "光")),
        ("欧阳", "", ("欧", "阳")),
        ("湯川秀樹", "湯川", ("湯川", "秀樹")),
        ("湯川秀樹", "", ("湯", "川秀樹")),
        ("宮崎あおい", "", ("", "")),
        ("宮崎あおい", "宮崎", ("宮崎", "あおい")),
        ("白", "", ("", "")),
    ],
)
def test_family_and_given_name(name: str, told: str, parts: tuple[str, str]) -> None:
    assert family_and_given(name, told) == parts
