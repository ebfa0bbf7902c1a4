"""Counterfactual names."""

from pathlib import Path

import pytest

from pipeline.core.errors import InputError
from pipeline.prepare.names import draw_names, pool_file, read_pool, replacements
from pipeline.prepare.targets import Target
from pipeline.text.names import surface_forms
from tests.project import ROOT

POOL = read_pool(ROOT / "data/names/en.txt")


def person(name: str, *forms: str, substitutions: dict[str, list[str]] | None = None, kind: str = "person") -> Target:
    return Target(name, kind, (name, *forms), ("",), substitutions or {})


NEWTON = person("Isaac Newton", "Isaac", "Newton", "Sir Isaac")


def drawn(target: Target, targets: list[Target] | None = None, pool: list[str] = POOL, seed: int = 0) -> list[str]:
    return [name.name for name in draw_names(target, targets or [target], pool, seed)]


@pytest.mark.parametrize("name", ["Plato", "Isaac Newton", "John Stuart Mill"])
def test_names_have_as_many_words_as_the_target(name: str) -> None:
    names = drawn(person(name))
    assert len(names) > 100
    assert {len(n.split()) for n in names} == {len(name.split())}
    assert len(set(names)) == len(names)


def test_a_seed_gives_one_order() -> None:
    assert drawn(NEWTON) == drawn(NEWTON)
    assert drawn(NEWTON)[:20] != drawn(NEWTON, seed=1)[:20]
    assert drawn(NEWTON)[:20] != drawn(person("Marie Curie"))[:20]
    assert set(drawn(NEWTON)) == set(drawn(NEWTON, seed=1))


def test_another_target_beside_it_leaves_the_order_as_it_is() -> None:
    alone = drawn(NEWTON)
    together = drawn(NEWTON, [NEWTON, person("Marie Curie", "Curie")])
    assert together[:20] == alone[:20]


@pytest.mark.parametrize("name", ["Plato", "Isaac Newton", "John Stuart Mill"])
def test_no_name_shares_a_word_with_a_form_of_any_target(name: str) -> None:
    pool = ["Isaac Lind", "Tobias NEWTON", "Ada Curie", "Orla Marlow", "Edwin Calloway", "Plato Hask", "Stuart Venn"]
    others = [NEWTON, person("Marie Curie", "Madame Curie"), person("Plato"), person("John Stuart Mill", "Captain Marlow")]
    target = next(t for t in others if t.name == name)
    words = {word for n in drawn(target, others, pool) for word in n.split()}
    assert words <= {"Edwin", "Calloway"}
    assert words


def test_no_name_left() -> None:
    with pytest.raises(InputError, match="no name is left for 'Isaac Newton'"):
        drawn(NEWTON, pool=["Isaac Lind", "Ada Newton"])


@pytest.mark.parametrize(
    ("target", "name", "wanted"),
    [
        (
            NEWTON,
            "Tobias Renwick",
            {"Isaac Newton": "Tobias Renwick", "Isaac": "Tobias", "Newton": "Renwick", "Sir Isaac": "Sir Tobias"},
        ),
        (
            person("Leonardo da Vinci", "Leonardo", "da Vinci"),
            "Edwin Calloway",
            {"Leonardo da Vinci": "Edwin da Calloway", "Leonardo": "Edwin", "da Vinci": "da Calloway"},
        ),
        (
            person("Marie Curie", "Manya", "the Polish chemist"),
            "Ada Lind",
            {"Marie Curie": "Ada Lind", "Manya": "Lind", "the Polish chemist": "Ada Lind"},
        ),
        (person("Plato"), "Edwin", {"Plato": "Edwin"}),
    ],
)
def test_forms_are_replaced_word_by_word(target: Target, name: str, wanted: dict[str, str]) -> None:
    assert replacements(target, name) == wanted


def test_drawn_names_carry_their_replacements() -> None:
    for name in draw_names(NEWTON, [NEWTON], POOL, 0)[:5]:
        assert name.target == "Isaac Newton"
        assert name.replacements == replacements(NEWTON, name.name)


def test_substitutions_stand_for_the_forms_in_the_order_given() -> None:
    substitutions = {"The Tides": ["The Mill", "The Horse"], "Tides": ["Mill", "Horse"]}
    names = draw_names(person("The Tides", "Tides", substitutions=substitutions, kind="other"), [NEWTON], POOL, 0)
    assert [name.name for name in names] == ["The Mill", "The Horse"]
    assert [name.replacements for name in names] == [
        {"The Tides": "The Mill", "Tides": "Mill"},
        {"The Tides": "The Horse", "Tides": "Horse"},
    ]


def test_substitutions_of_a_title_leave_the_name_to_the_draw() -> None:
    target = person("Isaac Newton", "Newton", "the Master", substitutions={"the Master": ["the Miller", "the Baker"]})
    names = draw_names(target, [target], POOL, 0)
    assert [name.name for name in names] == drawn(person("Isaac Newton", "Newton", "the Master"))[:2]
    assert [name.replacements["the Master"] for name in names] == ["the Miller", "the Baker"]
    assert [name.replacements["Newton"] for name in names] == [name.name.split()[-1] for name in names]


@pytest.mark.parametrize("count", [1, 3])
def test_linked_entities_are_replaced_beside_drawn_names(count: int) -> None:
    """A writer whose books are substituted: the n-th name of the draw comes with the n-th title."""
    titles = {"Pride and Tides": [f"Title {n}" for n in range(count)], "Emma": [f"Name {n}" for n in range(count)]}
    target = person("Jane Hallin", "Jane", "Hallin", "Emma", "Pride and Tides", substitutions=titles)
    names = draw_names(target, [target], POOL, 0)
    assert [name.name for name in names] == drawn(person("Jane Hallin", "Jane", "Hallin", "Emma", "Pride and Tides"))[:count]
    for index, name in enumerate(names):
        given, family = name.name.split()
        assert name.replacements == {
            "Jane Hallin": name.name,
            "Jane": given,
            "Hallin": family,
            "Emma": f"Name {index}",
            "Pride and Tides": f"Title {index}",
        }


def test_pool_of_a_language_or_else_the_english_one(tmp_path: Path) -> None:
    (tmp_path / "de.txt").touch()
    assert pool_file(Target("Ada Lind", "person", ("Ada Lind",), language="de"), tmp_path) == tmp_path / "de.txt"
    assert pool_file(Target("Ada Lind", "person", ("Ada Lind",), language="sv"), tmp_path) == tmp_path / "en.txt"


def test_a_target_may_name_its_pool(tmp_path: Path) -> None:
    (tmp_path / "fr_f.txt").touch()
    target = Target("Ada Lind", "person", ("Ada Lind",), language="de", names="fr_f")
    assert pool_file(target, tmp_path) == tmp_path / "fr_f.txt"
    with pytest.raises(InputError, match="'names' of 'Ada Lind' is 'fr_f', but the pools are sv"):
        (tmp_path / "fr_f.txt").rename(tmp_path / "sv.txt")
        pool_file(target, tmp_path)


@pytest.mark.parametrize("names", ["../other", "/tmp/other", "sub/other", "."])
def test_no_pool_lies_outside_its_folder(tmp_path: Path, names: str) -> None:
    folder = tmp_path / "names"
    for file in ("other.txt", "names/de.txt", "names/sub/other.txt"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("Ada Lind\n")
    with pytest.raises(InputError, match=r"'names' of 'Ada Lind' is .*, but the pools are de\."):
        pool_file(Target("Ada Lind", "person", ("Ada Lind",), names=names), folder)


def test_pool_is_read_without_comments_and_stray_spaces(tmp_path: Path) -> None:
    path = tmp_path / "pool.txt"
    path.write_text("# invented\n\n  Ada   Lind \nJosé Marí\n", encoding="utf-8")
    assert read_pool(path) == ["Ada Lind", "José Marí"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Ada Lind\nOrla\n", "line 2: 'Orla' is no full name"),
        ("李 明\n王明\n", "line 2: '王明' is no full name"),
        ("Ada Lind\n# x\nAda  Lind\n", "line 3: 'Ada Lind' stands on line 1 already"),
        ("# nothing\n", "is empty"),
        ("", "is empty"),
        (None, "is missing"),
    ],
)
def test_faulty_pool(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "pool.txt"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_pool(path)


def test_the_projects_own_pool_is_large_enough() -> None:
    assert len(POOL) >= 200


@pytest.mark.parametrize(
    ("name", "family", "wanted"),
    [
        ("Bartók Béla", "Bartók", {"Bartók": "Quennell", "Béla": "Mabel", "Bartók Béla": "Mabel Quennell"}),
        ("Gabriel García Márquez", "Márquez", {"Gabriel": "Mabel", "Márquez": "Quennell"}),
    ],
)
def test_a_told_family_name_takes_the_stand_ins_family_name(name: str, family: str, wanted: dict[str, str]) -> None:
    target = Target(name, "person", surface_forms(name, "person", (), family), family_name=family)
    stand_in = "Mabel Quennell" if len(name.split()) == 2 else "Mabel Orla Quennell"
    found = replacements(target, stand_in)
    assert {form: found[form] for form in wanted} == wanted
