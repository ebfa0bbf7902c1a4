"""The picture's points are the committed table's values."""

import copy
import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.criteria.figure import FORGET, KEPT, LABELS, OURS, forget_floor, method_points, methods_chart
from benchmarks.criteria.table import over_seeds
from benchmarks.stages.figure import main
from pipeline.core.errors import InputError
from tests.project import ROOT

TABLE = ROOT / "docs/measured/project/table.json"


@pytest.fixture
def table() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return read


def test_every_method_is_a_point_at_its_values(table: dict[str, Any]) -> None:
    points = {point["method"]: point for point in method_points(table)}
    assert list(points) == table["methods"]
    assert (points["base"]["x"], points["base"]["x_low"], points["base"]["x_high"]) == (100, 100, 100)
    for method, point in points.items():
        values, base = table["values"][method], table["values"]["base"]
        assert point["y"] == values[FORGET]["mean"]
        assert point["x"] == pytest.approx(100 * fmean(values[key]["mean"] / base[key]["mean"] for key in KEPT), rel=1e-4)


def test_lines_are_the_intervals_over_seeds(table: dict[str, Any]) -> None:
    points = {point["method"]: point for point in method_points(table)}
    ours, hard, general = points[OURS], *(table["values"][OURS][key]["seeds"] for key in KEPT)
    before = [table["values"]["base"][key]["mean"] for key in KEPT]
    kept = over_seeds([50 * (h / before[0] + g / before[1]) for h, g in zip(hard, general, strict=True)])
    assert (ours["x_low"], ours["x_high"]) == pytest.approx((kept["low"], kept["high"]), rel=1e-4)
    assert (ours["y_low"], ours["y_high"]) == (table["values"][OURS][FORGET]["low"], table["values"][OURS][FORGET]["high"])
    one_seed = points["prompting"]
    assert (one_seed["y_low"], one_seed["y_high"]) == (one_seed["y"], one_seed["y"])


def test_what_is_drawn_are_the_points_the_floor_and_a_name_for_each(table: dict[str, Any]) -> None:
    drawn = methods_chart(table).to_dict()
    layers = [(layer["mark"]["type"], layer["data"]["values"]) for layer in drawn["layer"]]
    assert [values for mark, values in layers if mark == "point"] == [method_points(table)]
    names = [values[0]["name"] for mark, values in layers if mark == "text"]
    assert {"Nevermet (teacher-student)", "base model", "gradient ascent"} <= set(names)
    assert len(names) == len(table["methods"]) + 1
    floor = forget_floor(table)
    assert floor == next(measure["floor"] for measure in table["measures"] if measure["key"] == FORGET)
    assert [values[0]["y"] for mark, values in layers if mark == "rule" and "x_low" not in values[0]] == [floor]
    assert any(f"{floor:.3f}" in name for name in names)


def test_no_point_and_no_interval_is_outside_of_the_picture(table: dict[str, Any]) -> None:
    for layer in methods_chart(table).to_dict()["layer"]:
        for axis in ("x", "y"):
            low, high = layer["encoding"][axis]["scale"]["domain"]
            ends = [value for point in method_points(table) for value in (point[f"{axis}_low"], point[f"{axis}_high"])]
            assert low < min(ends) and max(ends) < high


def test_a_method_without_a_value_has_no_point_and_without_the_base_there_is_none(table: dict[str, Any]) -> None:
    lacking = copy.deepcopy(table)
    lacking["values"]["npo"][KEPT[0]] = None
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
    assert len(symbols) == 9
    return symbols
