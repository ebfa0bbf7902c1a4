"""The table over methods and seeds."""

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import t

from benchmarks.criteria.table import benchmark_table, over_seeds, table_lines
from benchmarks.suite.params import BenchmarkFolders
from pipeline.core.errors import InputError


def write_run(folder: Path, method: str, seed: int, values: dict[str, float], file: str = "criteria.json", **more: Any) -> None:
    run = folder / "runs" / f"{method}-{seed}"
    run.mkdir(parents=True, exist_ok=True)
    report = {"method": method, "seed": seed, "values": values, "left_out": {}, **more}
    (run / file).write_text(json.dumps(report), encoding="utf-8")


@pytest.fixture
def folders(tmp_path: Path) -> BenchmarkFolders:
    judge = {"judge": "rules", "asked": 2, "cached": 1, "unparsable": 0}
    write_run(tmp_path, "base", 0, {"efficacy.probability": 0.9, "gap.interventional": 1.0}, judge=judge)
    for seed, value in ((0, 0.25), (1, 0.35), (10, 0.30)):
        write_run(tmp_path, "npo", seed, {"efficacy.probability": value, "gap.interventional": 0.5}, judge=judge)
    write_run(tmp_path, "npo_2", 0, {"efficacy.probability": 0.6}, left_out={"gap.interventional": "no teacher"}, judge=judge)
    return BenchmarkFolders(tmp_path)


def test_interval_over_seeds_is_students(folders: BenchmarkFolders) -> None:
    cell = over_seeds([0.25, 0.35, 0.30])
    half = t.ppf(0.975, 2) * 0.05 / 3**0.5
    assert cell["mean"] == pytest.approx(0.3)
    assert (cell["low"], cell["high"]) == pytest.approx((0.3 - half, 0.3 + half), abs=1e-6)
    assert over_seeds([0.5]) == {"mean": 0.5, "low": None, "high": None, "seeds": [0.5]}


def test_runs_are_gathered_by_method_and_the_base_comes_first(folders: BenchmarkFolders) -> None:
    table = benchmark_table(folders, ["npo", "npo_2", "never_run"])
    assert table["methods"] == ["base", "npo", "npo_2"]
    assert table["seeds"] == [0, 1, 10]
    assert table["values"]["npo"]["efficacy.probability"]["seeds"] == [0.25, 0.35, 0.30]
    assert table["values"]["npo_2"]["gap.interventional"] is None
    assert table["left_out"] == {}
    assert table["judge"] == {"judge": "rules", "asked": 10, "cached": 5, "unparsable": 0}


def test_bars_are_divided_by_the_best_method_and_the_base_is_no_method(folders: BenchmarkFolders) -> None:
    table = benchmark_table(folders, ["npo", "npo_2"])
    assert table["bars"] == {"efficacy": {"npo": 1.0, "npo_2": pytest.approx(0.4 / 0.7, abs=1e-3)}}


def test_values_of_a_benchmarks_own_metrics_join_those_of_the_criteria(folders: BenchmarkFolders) -> None:
    write_run(folders.folder, "npo", 0, {"tofu.forget_quality": 0.01}, "tofu.json")
    write_run(folders.folder, "only", 0, {"tofu.forget_quality": 0.5}, "tofu.json")
    table = benchmark_table(folders, ["npo", "only"])
    assert table["values"]["npo"]["tofu.forget_quality"]["seeds"] == [0.01]
    assert table["values"]["only"]["efficacy.probability"] is None
    assert table["scatter"] == {"x": "tofu.model_utility", "y": "tofu.forget_quality"}


def test_best_method_is_bold_and_the_base_never(folders: BenchmarkFolders) -> None:
    lines = list(table_lines(benchmark_table(folders, ["npo", "npo_2"])))
    assert lines[0] == "| measure | | base | npo | npo_2 |"
    row = next(line for line in lines if "probability of the right answer" in line)
    assert "| 0.900 | **0.300 ± 0.124** | 0.600 |" in row


def test_what_the_seeds_cannot_tell_from_the_best_is_in_italics(folders: BenchmarkFolders) -> None:
    write_run(folders.folder, "npo_2", 0, {"efficacy.probability": 0.42})
    write_run(folders.folder, "whp", 0, {"efficacy.probability": 0.43})
    lines = list(table_lines(benchmark_table(folders, ["npo", "npo_2", "whp"])))
    row = next(line for line in lines if "probability of the right answer" in line)
    assert "| **0.300 ± 0.124** | *0.420* | 0.430 |" in row


def test_nearest_to_the_floor_is_bold_where_the_base_has_one(folders: BenchmarkFolders) -> None:
    write_run(folders.folder, "base", 0, {"efficacy.probability": 0.9}, floors={"efficacy.probability": 0.55})
    table = benchmark_table(folders, ["npo", "npo_2"])
    (measure,) = [m for m in table["measures"] if m["key"] == "efficacy.probability"]
    assert (measure["better"], measure["floor"]) == ("floor", 0.55)
    row = next(line for line in table_lines(table) if "probability of the right answer, forget (floor 0.550)" in line)
    assert "| 0.900 | 0.300 ± 0.124 | **0.600** |" in row


def test_questions_behind_a_mean_stand_beside_it(folders: BenchmarkFolders) -> None:
    for method, count in (("base", 30), ("npo_2", 29)):
        write_run(folders.folder, method, 0, {"efficacy.probability": 0.6}, questions={"efficacy.probability": count})
    (measure,) = benchmark_table(folders, ["npo", "npo_2"])["measures"][:1]
    assert (measure["key"], measure["questions"]) == ("efficacy.probability", [29, 30])


def test_reason_is_told_of_what_no_run_has(folders: BenchmarkFolders) -> None:
    reasons = {"gap.interventional": "no teacher", "efficacy.leak": "the judge gave no rating that could be read"}
    write_run(folders.folder, "npo_2", 0, {"efficacy.probability": 0.6}, left_out=reasons)
    assert benchmark_table(folders, ["npo", "npo_2"])["left_out"] == {"efficacy.leak": reasons["efficacy.leak"]}


def test_what_one_run_has_is_not_left_out_though_the_table_does_not_show_it(folders: BenchmarkFolders) -> None:
    write_run(folders.folder, "base", 0, {"efficacy.probability": 0.9}, left_out={"tofu.forget_quality_statistic": "no gold"})
    write_run(folders.folder, "npo_2", 0, {"efficacy.probability": 0.6, "tofu.forget_quality_statistic": 0.2})
    assert benchmark_table(folders, ["npo", "npo_2"])["left_out"] == {}


def test_references_stay_whatever_the_seeds(folders: BenchmarkFolders) -> None:
    write_run(folders.folder, "base", 0, {"efficacy.probability": 0.9}, floors={"efficacy.probability": 0.55})
    table = benchmark_table(folders, ["npo", "npo_2"], seeds=[1])
    assert table["methods"] == ["base", "npo"]
    assert next(m["floor"] for m in table["measures"] if m["key"] == "efficacy.probability") == 0.55


def test_a_seed_that_no_run_has_is_refused(folders: BenchmarkFolders) -> None:
    with pytest.raises(InputError, match=r"runs holds no run with seed 7; the seeds there are 0, 1, 10\.$"):
        benchmark_table(folders, ["npo", "npo_2"], seeds=[1, 7])


@pytest.mark.parametrize(("content", "words"), [("{", "is not valid JSON"), ('{"values": {}}', "lacks values, left_out")])
def test_a_broken_report_is_told(folders: BenchmarkFolders, content: str, words: str) -> None:
    (folders.folder / "runs/npo-1/criteria.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"npo-1/criteria\.json {words}"):
        benchmark_table(folders, ["npo"])


def test_no_run_is_an_error_that_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dvc repro benchmarks/dvc\.yaml"):
        benchmark_table(BenchmarkFolders(tmp_path), ["npo"])
