"""The picture's points are the committed table's values."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.criteria.figure import BROKEN, FORGET, KEPT, LABELS, OURS, QUALITY, method_points, methods_chart
from benchmarks.stages.figure import main
from pipeline.core.errors import InputError
from tests.project import ROOT

TABLE = ROOT / "docs/measured/people/table.json"


@pytest.fixture
def table() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return read


def test_every_method_is_a_point_at_its_values_and_intervals(table: dict[str, Any]) -> None:
    points = {point["method"]: point for point in method_points(table)}
    assert list(points) == table["methods"]
    assert (points["base"]["x"], points["base"]["x_low"], points["base"]["x_high"]) == (100, 100, 100)
    for method, point in points.items():
        forget, kept = table["values"][method][FORGET], table["values"][method][KEPT]
        assert [point["y"], point["y_low"], point["y_high"]] == [forget["mean"], forget["low"], forget["high"]]
        assert [point["x"], point["x_low"], point["x_high"]] == [100 * kept[end] for end in ("mean", "low", "high")]


def test_a_value_without_an_interval_is_a_point_alone(table: dict[str, Any]) -> None:
    table["values"][OURS][FORGET] |= {"low": None, "high": None}
    ours = next(point for point in method_points(table) if point["who"] == "ours")
    assert ours["y_low"] == ours["y"] == ours["y_high"]


def test_hollow_are_those_that_no_longer_write_sentences(table: dict[str, Any]) -> None:
    broken = {point["method"] for point in method_points(table) if point["broken"]}
    assert broken == {method for method, cells in table["values"].items() if cells[QUALITY]["mean"] < BROKEN}
    assert broken == {"simnpo"}
    fills = [layer["encoding"]["fill"] for layer in methods_chart(table).to_dict()["layer"] if layer["mark"]["type"] == "point"]
    assert [fill["condition"] for fill in fills] == [{"test": "datum.broken", "value": "white"}]


def test_what_is_drawn_are_the_points_the_floor_and_a_name_for_each(table: dict[str, Any]) -> None:
    drawn = methods_chart(table).to_dict()
    layers = [(layer["mark"]["type"], layer["data"]["values"]) for layer in drawn["layer"]]
    assert [values for mark, values in layers if mark == "point"] == [method_points(table)]
    names = [values[0]["name"] for mark, values in layers if mark == "text"]
    assert {"Nevermet (teacher-student)", "base model", "gradient ascent"} <= set(names)
    assert len(names) == len(table["methods"]) + 1
    assert [values[0]["y"] for mark, values in layers if mark == "rule" and "x_low" not in values[0]] == [0]
    floor = next(measure["floor"] for measure in table["measures"] if measure["key"] == "efficacy.probability")
    assert any(f"{floor:.3f}" in name for name in names)


def test_no_point_and_no_interval_is_outside_of_the_picture(table: dict[str, Any]) -> None:
    for layer in methods_chart(table).to_dict()["layer"]:
        for axis in ("x", "y"):
            low, high = layer["encoding"][axis]["scale"]["domain"]
            ends = [value for point in method_points(table) for value in (point[f"{axis}_low"], point[f"{axis}_high"])]
            assert low < min(ends) and max(ends) < high


def test_a_method_without_a_value_has_no_point_and_without_the_base_there_is_none(table: dict[str, Any]) -> None:
    lacking = copy.deepcopy(table)
    lacking["values"]["npo"][KEPT] = None
    assert [point["method"] for point in method_points(lacking)] == [method for method in table["methods"] if method != "npo"]
    del lacking["values"]["base"][FORGET]
    with pytest.raises(InputError, match="nothing can be set beside it"):
        method_points(lacking)


def test_a_method_unknown_to_the_picture_has_its_own_name(table: dict[str, Any]) -> None:
    table["values"]["other_way"] = table["values"].pop("npo")
    assert "other_way" not in LABELS
    assert method_points(table)[-1]["name"] == "other way"


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
