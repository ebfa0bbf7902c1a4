"""The picture's points are the committed table's values."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.criteria.figure import BROKEN, FORGET, NAMES, OURS, PANELS, QUALITY, Panel, method_points, methods_chart
from benchmarks.stages.figure import main
from pipeline.core.errors import InputError
from tests.project import ROOT

TABLE = ROOT / "docs/measured/people/table.json"


@pytest.fixture
def table() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.key)
def test_every_method_is_a_point_at_its_values_and_intervals(table: dict[str, Any], panel: Panel) -> None:
    points = {point["method"]: point for point in method_points(table, panel)}
    assert list(points) == table["methods"]
    for method, point in points.items():
        forget, kept = table["values"][method][FORGET], table["values"][method][panel.key]
        assert [point["y"], point["y_low"], point["y_high"]] == [forget["mean"], forget["low"], forget["high"]]
        assert [point["x"], point["x_low"], point["x_high"]] == [panel.times * kept[end] for end in ("mean", "low", "high")]


def test_a_value_without_an_interval_is_a_point_alone(table: dict[str, Any]) -> None:
    table["values"][OURS][FORGET] |= {"low": None, "high": None}
    ours = next(point for point in method_points(table, PANELS[0]) if point["who"] == "ours")
    assert ours["y_low"] == ours["y"] == ours["y_high"]


def test_hollow_are_those_that_no_longer_write_sentences(table: dict[str, Any]) -> None:
    broken = {point["method"] for point in method_points(table, PANELS[0]) if point["broken"]}
    assert broken == {method for method, cells in table["values"].items() if cells[QUALITY]["mean"] < BROKEN}
    assert broken == {"simnpo"}
    for panel in drawn(table):
        fills = [layer["encoding"]["fill"] for layer in panel["layer"] if layer["mark"]["type"] == "point"]
        assert [fill["condition"] for fill in fills] == [{"test": "datum.broken", "value": "white"}]


def drawn(table: dict[str, Any]) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = methods_chart(table).to_dict()["hconcat"]
    assert len(panels) == len(PANELS) == 2
    return panels


@pytest.mark.parametrize("number", range(len(PANELS)))
def test_what_is_drawn_are_the_points_the_floor_and_a_name_for_each(table: dict[str, Any], number: int) -> None:
    layers = [(layer["mark"]["type"], layer["data"]["values"]) for layer in drawn(table)[number]["layer"]]
    assert [values for mark, values in layers if mark == "point"] == [method_points(table, PANELS[number])]
    names = [values[0]["name"] for mark, values in layers if mark == "text"]
    floor = next(measure["floor"] for measure in table["measures"] if measure["key"] == FORGET)
    assert {"Nevermet", "base model", "gradient ascent"} <= set(names)
    assert len(names) == len(table["methods"]) + 1
    assert [values[0]["y"] for mark, values in layers if mark == "rule" and "x_low" not in values[0]] == [floor]
    assert any(f"{floor:.3f}" in name for name in names)


@pytest.mark.parametrize("number", range(len(PANELS)))
def test_no_point_and_no_interval_is_outside_of_the_picture(table: dict[str, Any], number: int) -> None:
    points = method_points(table, PANELS[number])
    for layer in drawn(table)[number]["layer"]:
        for axis in ("x", "y"):
            low, high = layer["encoding"][axis]["scale"]["domain"]
            ends = [value for point in points for value in (point[f"{axis}_low"], point[f"{axis}_high"])]
            assert low < min(ends) and max(ends) < high


def test_a_method_without_a_value_has_no_point_and_without_the_base_there_is_none(table: dict[str, Any]) -> None:
    lacking = copy.deepcopy(table)
    panel, other = PANELS
    lacking["values"]["npo"][panel.key] = None
    there = [method for method in table["methods"] if method != "npo"]
    assert [point["method"] for point in method_points(lacking, panel)] == there
    assert [point["method"] for point in method_points(lacking, other)] == table["methods"]
    del lacking["values"]["base"][FORGET]
    with pytest.raises(InputError, match="nothing can be set beside it"):
        method_points(lacking, panel)


def test_one_invented_name_has_no_distance_from_others(table: dict[str, Any]) -> None:
    next(measure for measure in table["measures"] if measure["key"] == FORGET)["floor"] = None
    with pytest.raises(InputError, match=r"evaluate\.floor_names to 2 or more"):
        methods_chart(table)


def test_a_method_unknown_to_the_picture_has_its_own_name(table: dict[str, Any]) -> None:
    table["values"]["other_way"] = table["values"].pop("npo")
    assert "other_way" not in NAMES
    assert method_points(table, PANELS[0])[-1]["name"] == "other way"


def test_the_committed_picture_is_that_of_the_committed_table(tmp_path: Path) -> None:
    output = tmp_path / "methods.svg"
    done = CliRunner().invoke(main, ["--table", str(TABLE), "--output", str(output)])
    assert done.exit_code == 0, done.output
    assert _symbols(output) == _symbols(ROOT / "docs/methods.svg")


def _symbols(path: Path) -> list[str]:
    """What a reader of the picture is told of each point."""
    lines = path.read_text(encoding="utf-8").replace("<", "\n<").splitlines()
    symbols = [line.split('aria-label="')[1].split('"')[0] for line in lines if 'aria-roledescription="point"' in line]
    assert len(symbols) > 6
    return symbols
