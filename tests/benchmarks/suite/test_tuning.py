"""Tuning: the rule, and rows that survive a stop."""

import json
from pathlib import Path

import pytest

from benchmarks.sources.read import read_source
from benchmarks.suite.params import load_benchmark
from benchmarks.suite.tuning import SCHEMA, pick, read_rows, tune, write_rows
from pipeline.core.errors import InputError
from pipeline.prepare.build import prepare
from tests.project import LEARNING_RATE, ROOT, make_project, succeed

PARAMS = f"""
prepare: {{source: files}}
elicit: {{engine: transformers, templates: 0}}
methods:
  npo: {{baseline: {{objective: npo, epochs: 1}}}}
  asked: {{prompting: {{}}}}
grids:
  npo: {{baseline.learning_rate: [{LEARNING_RATE}, 2.0e-3], baseline.beta: [0.1]}}
"""


def row(forgotten: float, kept: float, distinct_4grams: float = 1.0) -> dict[str, float]:
    return {"forgotten": forgotten, "kept": kept, "distinct_4grams": distinct_4grams}


def test_among_those_that_forget_enough_the_one_that_keeps_most() -> None:
    assert pick([row(0.9, 0.5), row(0.76, 0.9), row(0.5, 1.0)]) == row(0.76, 0.9)


def test_where_none_forgets_enough_the_one_that_forgets_most() -> None:
    assert pick([row(0.2, 1.0), row(0.6, 0.7), row(-0.1, 1.0)]) == row(0.6, 0.7)


def test_a_setting_that_no_longer_speaks_is_not_taken() -> None:
    assert pick([row(0.9, 0.9, 0.1), row(0.8, 0.7), row(0.6, 1.0)]) == row(0.8, 0.7)
    assert pick([row(0.9, 0.9, 0.1), row(0.5, 1.0), row(0.6, 0.9)]) == row(0.6, 0.9)


def test_where_none_speaks_the_rule_is_the_same_among_all() -> None:
    assert pick([row(0.9, 0.5, 0.0), row(0.8, 0.6, 0.1), row(0.5, 1.0, 0.2)]) == row(0.8, 0.6, 0.1)


@pytest.mark.parametrize("text", ["method,setting\nnpo,{}\n", ",".join(SCHEMA) + "\nnpo,{},half,0,0,0,0,0,1,f\n"])
def test_a_file_that_is_no_table_of_settings_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "tuning.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"tuning\.csv is no table of settings"):
        read_rows(tmp_path / "tuning.csv")


def test_a_value_that_was_not_measured_is_none(tmp_path: Path) -> None:
    (tmp_path / "tuning.csv").write_text(",".join(SCHEMA) + "\nnpo,{},0.5,0,0,0.1,1,,34,f\n", encoding="utf-8")
    (row,) = read_rows(tmp_path / "tuning.csv")
    assert row["distinct_4grams"] is None and row["steps"] == 34


def test_rows_are_written_as_they_were_read(tmp_path: Path) -> None:
    file = ROOT / "benchmarks/results/tuning/tuning.csv"
    write_rows(tmp_path / "tuning.csv", read_rows(file))
    assert (tmp_path / "tuning.csv").read_bytes() == file.read_bytes()


@pytest.fixture
def project(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_project(tmp_path, tiny_model)
    (folder / "benchmarks/configs").mkdir()
    (folder / "benchmarks/configs/mine.yaml").write_text(PARAMS, encoding="utf-8")
    models = folder / "benchmarks/results/mine/models"
    models.mkdir(parents=True)
    (models / "base-0").symlink_to(tiny_model)
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models/base").symlink_to(tiny_model)
    monkeypatch.chdir(folder)
    return folder


def test_grid_is_every_combination_and_the_rest_is_the_methods_own(project: Path) -> None:
    settings = load_benchmark("mine").settings["npo"]
    assert [point["baseline.learning_rate"] for point, _ in settings] == [LEARNING_RATE, 2e-3]
    assert all(p.baseline and p.baseline.epochs == 1 and p.baseline.beta == 0.1 for _, p in settings)


def test_setting_is_measured_once_and_written_at_once(project: Path) -> None:
    benchmark = load_benchmark("mine")
    assert benchmark.prepare
    list(prepare(read_source(benchmark.prepare, elicits=False), benchmark.folders.prepared, seed=0))
    succeed("benchmarks.stages.elicit", "mine")
    file = benchmark.folders.tuning
    going = tune(benchmark, "npo", seed=0)
    first = next(going)
    assert read_rows(file) == [first]
    assert json.loads(first["setting"]) == {"baseline.beta": 0.1, "baseline.learning_rate": LEARNING_RATE}
    assert 0 <= first["forget"] <= 1 and 0 <= first["distinct_4grams"] <= 1 and first["steps"] > 0
    going.close()
    file.write_text(file.read_text().replace(f",{first['kept']},", ",0.125,"), encoding="utf-8")
    both = list(tune(benchmark, "npo", seed=0))
    assert both[0]["kept"] == 0.125, "what stands in the file is not measured again"
    assert len(read_rows(file)) == 2 and both[1]["setting"] != both[0]["setting"]
    elicited = benchmark.folders.elicited / "passages.parquet"
    elicited.write_bytes((benchmark.folders.prepared / "passages.parquet").read_bytes())
    more = list(tune(benchmark, "npo", seed=0))
    assert more[0]["kept"] != 0.125 and more[0]["steps"] > first["steps"], "what was elicited is trained on too"
    again = list(tune(benchmark, "npo", seed=1))
    assert again[0]["kept"] != 0.125, "another seed is another measurement"
    assert len(read_rows(file)) == 2


@pytest.mark.parametrize(
    "grids",
    [
        "{simnpo: {baseline.beta: [1]}}",
        "{npo: {baseline.beta: 1}}",
        "{npo: {baseline.beta: []}}",
        "{npo: {distill.epochs: [1]}}",
        "{npo: {teacher.names: [1]}}",
        "[npo]",
    ],
)
def test_fault_in_a_grid_is_told_with_its_method(project: Path, grids: str) -> None:
    path = project / "benchmarks/configs/mine.yaml"
    path.write_text(PARAMS.partition("grids:")[0] + f"grids: {grids}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"benchmarks/configs/mine\.yaml: grids[. ]"):
        load_benchmark("mine")
