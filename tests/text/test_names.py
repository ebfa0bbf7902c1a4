"""How a name is put together, and the ways in which it is written."""

import pytest

from pipeline.text.names import dot_in, family_and_given, is_unspaced, name_parts, script_of, surface_forms


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


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Isaac Newton", ["Isaac", "Newton"]),
        ("Leonardo da Vinci", ["Leonardo", "da Vinci"]),
        ("Ludwig Mies van der Rohe", ["Ludwig", "van der Rohe"]),
        ("John Stuart Mill", ["John", "Mill"]),
        ("Plato", ["Plato"]),
        ("艾萨克·牛顿", ["艾萨克", "牛顿"]),
        ("アルベルト・アインシュタイン", ["アルベルト", "アインシュタイン"]),
        ("李白", ["李白"]),
        ("Martin Luther King Jr.", ["Martin", "King"]),
        ("Sir Isaac Newton", ["Isaac", "Newton"]),
        ("Людвиг ван Бетховен", ["Людвиг", "ван Бетховен"]),
    ],
)
def test_name_parts(name: str, parts: list[str]) -> None:
    assert name_parts(name) == parts


@pytest.mark.parametrize(
    ("name", "family_name", "forms"),
    [
        ("Nagy Imre", "Nagy", ("Nagy Imre", "Imre", "Nagy")),
        ("Imre Nagy", "Nagy", ("Imre Nagy", "Imre", "Nagy")),
        ("Gabriel García Márquez", "García Márquez", ("Gabriel García Márquez", "García Márquez", "Gabriel")),
        ("湯川秀樹", "湯川", ("湯川秀樹", "湯川", "秀樹")),
        ("李清照", "", ("李清照", "清照")),
        ("司马光", "", ("司马光", "司马")),
        ("艾萨克·牛顿", "", ("艾萨克·牛顿", "艾萨克", "牛顿")),
    ],
)
def test_forms_of_a_person_with_a_family_name(name: str, family_name: str, forms: tuple[str, ...]) -> None:
    assert surface_forms(name, "person", (), family_name) == forms
