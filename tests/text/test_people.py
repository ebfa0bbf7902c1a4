"""Some hundreds of real names: the forms that are found, and the shape of what stands for them."""

import json

import pytest

from pipeline.core.errors import InputError
from pipeline.prepare.forms import with_cares
from pipeline.prepare.names import draw_names, pool_file, read_pool
from pipeline.prepare.targets import Target
from pipeline.text.forms import is_title
from pipeline.text.names import dot_in, initials_of, is_unspaced, parts_of, pieces, surface_forms
from pipeline.text.segments import split_mentions
from pipeline.text.writing import is_cased
from tests.project import ROOT
from tests.text.names_page import page

PEOPLE = [json.loads(line) for line in (ROOT / "tests/data/people.jsonl").read_text(encoding="utf-8").splitlines()]
POOLS = ROOT / "data/names"


def person(row: dict[str, str]) -> Target:
    return Target(row["name"], "person", surface_forms(row["name"], "person", ()), language=row["language"])


@pytest.mark.parametrize("row", PEOPLE, ids=lambda row: row["name"])
def test_every_form_is_a_name_and_is_found(row: dict[str, str]) -> None:
    target = with_cares(person(row), ["She said it was so."])
    parts = parts_of(target.name)
    assert target.name in target.surface_forms
    for form in target.surface_forms:
        if form != target.name:
            assert form.casefold() not in {word.casefold() for word in parts.of("title", "particle", "suffix", "of")}, form
            assert not initials_of(form)
        if is_cased(form):
            text = f"Then Orla met {form}, and she left."
            assert [s.text for s in split_mentions(text, target.surface_forms) if s.mention] == [form]
    if is_cased(target.name) and parts.of("core"):
        core = parts.of("core")[-1]
        assert core in target.surface_forms or len(core) == 1
        assert not any(title in target.surface_forms for title in parts.of("title"))


@pytest.mark.parametrize("row", PEOPLE, ids=lambda row: row["name"])
def test_stand_ins_have_the_shape_of_every_form(row: dict[str, str]) -> None:
    target = person(row)
    try:
        names = draw_names(target, [target], read_pool(pool_file(target, POOLS)), 0)[:3]
    except InputError as error:
        assert "has no name written like" in error.message
        return
    staying = {word.rstrip(",").casefold() for word in parts_of(target.name).of("title", "particle", "suffix", "of")}
    replaced = set(parts_of(target.name).names()) - set(initials_of(target.name))
    for name in names:
        assert name.replacements[target.name] == name.name
        assert set(name.replacements) == set(target.surface_forms)
        if is_unspaced(target.name):
            continue
        for form, new in name.replacements.items():
            assert len(pieces(new)) == len(pieces(form))
            for old, other in zip(pieces(form), pieces(new), strict=True):
                word = old.rstrip(",")
                if word.casefold() in staying and word not in replaced:
                    assert other == old
                elif not dot_in(form) and is_cased(word):
                    assert other != old or initials_of(word) or is_title(word), (form, new)
                    assert other.count(".") == old.count(".")


def test_the_page_on_names_is_what_the_code_gives() -> None:
    assert (ROOT / "docs/names.md").read_text(encoding="utf-8") == page()
