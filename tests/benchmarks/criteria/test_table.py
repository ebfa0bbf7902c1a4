"""The table over methods and seeds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import t

from benchmarks.criteria.measures import floors_of, values_of
from benchmarks.criteria.table import LEGEND, benchmark_table, difference_lines, differences, over_seeds, table_lines
from benchmarks.suite.params import BenchmarkFolders
from pipeline.core.errors import InputError
from pipeline.evaluate.results import write_answers


def write_run(folder: Path, method: str, seed: int, values: dict[str, float], file: str = "criteria.json", **more: Any) -> None:
    run = folder / "runs" / f"{method}-{seed}"
    run.mkdir(parents=True, exist_ok=True)
    report = {"method": method, "seed": seed, "values": values, "left_out": {}, **more}
    (run / file).write_text(json.dumps(report), encoding="utf-8")


@pytest.fixture
def folders(tmp_path: Path) -> BenchmarkFolders:
    judge = {"judge": "rules", "asked": 2, "cached": 1, "unparsable": 0}
    write_run(tmp_path, "base", 0, {"efficacy.probability": 0.9, "gap.kl": 0.8}, judge=judge)
    for seed, value in ((0, 0.25), (1, 0.35), (10, 0.30)):
        write_run(tmp_path, "npo", seed, {"efficacy.probability": value, "gap.kl": 0.4}, judge=judge)
    write_run(tmp_path, "npo_2", 0, {"efficacy.probability": 0.6}, left_out={"gap.kl": "no teacher"}, judge=judge)
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
    gaps = {method: cells["gap.interventional"] for method, cells in table["values"].items()}
    assert (gaps["base"]["mean"], gaps["npo"]["mean"], gaps["npo_2"]) == (1.0, 0.5, None)
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


def row_of(table: dict[str, Any], label: str) -> list[str]:
    """The cells of the first row whose label begins with ``label``, in the order of the methods."""
    return next(line for line in table_lines(table) if line.startswith(f"| {label}")).strip("| ").split(" | ")[2:]


def test_seeds_alone_claim_nothing(folders: BenchmarkFolders) -> None:
    table = benchmark_table(folders, ["npo", "npo_2"])
    assert next(table_lines(table)) == "| measure | | base | npo | npo_2 |"
    assert row_of(table, "probability of the right answer") == ["0.900", "0.300 ± 0.124", "0.600"]
    assert all("verdict" not in cell and cell["over"] == "seeds" for cell in table["values"]["npo"].values())


def test_floor_of_the_base_is_the_measures(folders: BenchmarkFolders) -> None:
    write_run(folders.folder, "base", 0, {"efficacy.probability": 0.9}, floors={"efficacy.probability": 0.55})
    (measure,) = [m for m in benchmark_table(folders, ["npo", "npo_2"])["measures"] if m["key"] == "efficacy.probability"]
    assert (measure["better"], measure["floor"]) == ("floor", 0.55)
    assert measure["label"] == "probability of the right answer, forget (floor 0.550)"


def test_questions_behind_a_mean_stand_beside_it(folders: BenchmarkFolders) -> None:
    for method, count in (("base", 30), ("npo_2", 29)):
        write_run(folders.folder, method, 0, {"efficacy.probability": 0.6}, questions={"efficacy.probability": count})
    (measure,) = [m for m in benchmark_table(folders, ["npo", "npo_2"])["measures"] if m["key"] == "efficacy.probability"]
    assert measure["questions"] == [29, 30]


def test_reason_is_told_of_what_no_run_has(folders: BenchmarkFolders) -> None:
    reasons = {"gap.kl": "no teacher", "efficacy.leak": "the judge gave no rating that could be read"}
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


def test_answers_without_a_column_are_told(folders: BenchmarkFolders) -> None:
    for run in (folders.folder / "runs").iterdir():
        pq.write_table(pa.table({"split": ["forget"], "target": ["Orla"]}), run / "answers.parquet")
    with pytest.raises(InputError, match=r"answers\.parquet lacks the column 'question'"):
        benchmark_table(folders, ["npo"])


def test_no_run_is_an_error_that_says_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"make some \(nevermet benchmark {tmp_path.name}\)"):
        benchmark_table(BenchmarkFolders(tmp_path), ["npo"])


COUNT = 24  # forget questions, half of them about each of two people, and as many on each retain split
EASE = np.random.default_rng(0).uniform(-0.1, 0.1, COUNT)  # of a question, for every method alike


def write_answered(
    folder: Path, method: str, seed: int, forget: float, retain: float, floor: float | None = None, wording: str = "?"
) -> None:
    """A run with its answers: probabilities of ``forget`` and ``retain`` on average, and the base's ``floor``."""
    rows: list[dict[str, Any]] = [
        {
            "split": split,
            "target": None if split == "general_retain" else ("Orla", "Bram")[i % 2],
            "question": f"{split} {i}{wording}",
            "probability": mean + EASE[i] - EASE.mean(),
            "floor_probability": floor if split == "forget" else None,
        }
        for split, mean in (("forget", forget), ("hard_retain", retain), ("general_retain", retain))
        for i in range(COUNT)
    ]
    write_run(folder, method, seed, values_of(rows), floors=floors_of(rows))
    write_answers(folder / f"runs/{method}-{seed}/answers.parquet", rows)


@pytest.fixture
def answered(tmp_path: Path) -> BenchmarkFolders:
    """Methods above and below the floor of 0.3, one of which keeps less."""
    write_answered(tmp_path, "base", 0, 0.9, 0.8, 0.3)
    for seed, shift in enumerate((-0.01, 0.0, 0.01)):
        write_answered(tmp_path, "above", seed, 0.36 + shift, 0.72)
        write_answered(tmp_path, "below", seed, 0.23 + shift, 0.72)
        write_answered(tmp_path, "far_below", seed, 0.12 + shift, 0.4)
    return BenchmarkFolders(tmp_path)


METHODS = ["above", "below", "far_below"]


def test_ratios_stand_at_the_top_with_their_intervals(answered: BenchmarkFolders) -> None:
    table = benchmark_table(answered, METHODS)
    keys = ["efficacy.forgotten", "efficacy.above_floor", "utility.hard_kept", "utility.general_kept"]
    assert [measure["key"] for measure in table["measures"]][:4] == keys
    above, base = table["values"]["above"], table["values"]["base"]
    assert [above[key]["mean"] for key in keys] == pytest.approx([0.9, 0.06, 0.9, 0.9])
    assert [base[key]["mean"] for key in keys] == pytest.approx([0, 0.6, 1, 1])
    assert table["values"]["below"]["efficacy.above_floor"]["mean"] == pytest.approx(-0.07)
    for key in keys:
        assert above[key]["low"] < above[key]["mean"] < above[key]["high"]
        assert above[key]["over"] == "questions"
        assert (base[key]["low"], base[key]["high"]) == (0, 0) or key != "efficacy.forgotten"
    assert above["efficacy.forgotten"]["seeds"] == pytest.approx([0.55 / 0.6, 0.9, 0.53 / 0.6], abs=1e-5)


def test_distance_to_the_floor_counts_on_both_sides(answered: BenchmarkFolders) -> None:
    table = benchmark_table(answered, METHODS)
    for key in ("efficacy.forgotten", "efficacy.above_floor", "efficacy.probability"):
        verdicts = {method: table["values"][method][key]["verdict"] for method in METHODS}
        assert verdicts == {"above": "best", "below": "not told apart", "far_below": "worse"}, key


def test_marks_say_who_is_told_from_the_best(answered: BenchmarkFolders) -> None:
    table = benchmark_table(answered, METHODS)
    base, above, below, far_below = row_of(table, "probability of the right answer, forget")
    assert above.startswith("**0.360 [") and above.endswith("]**")
    assert below.startswith("*0.230 [") and far_below.startswith("0.120 [") and base.startswith("0.900 [")
    assert [cell[:2] for cell in row_of(table, "kept of the base's probability, hard-retain")[1:]] == ["**", "**", "0."]
    assert list(table_lines(table))[-1] == LEGEND


def test_a_constant_shift_is_told_apart_on_the_same_questions(tmp_path: Path) -> None:
    write_answered(tmp_path, "base", 0, 0.9, 0.8, 0.3)
    for method, retain in (("better", 0.72), ("worse", 0.71)):
        write_answered(tmp_path, method, 0, 0.3, retain)
    values = benchmark_table(BenchmarkFolders(tmp_path), ["worse", "better"])["values"]
    better, worse = (values[method]["utility.hard_probability"] for method in ("better", "worse"))
    assert better["low"] < worse["high"]
    assert (better["verdict"], worse["verdict"]) == ("best", "worse")
    assert (better["p"], worse["p"]) == (1.0, pytest.approx(2 / 5001, rel=1e-4))


def test_a_gain_on_one_question_does_not_make_up_for_a_loss_on_another(answered: BenchmarkFolders) -> None:
    for run in (answered.folder / "runs").glob("above-*"):
        rows = pq.read_table(run / "answers.parquet").to_pylist()
        for number, row in enumerate(rows):
            row["probability"] += 0.28 if number % 2 else -0.12  # from 0.72, where the base has 0.80
        write_answers(run / "answers.parquet", rows)
        report = json.loads((run / "criteria.json").read_text(encoding="utf-8"))
        (run / "criteria.json").write_text(json.dumps(report | {"values": values_of(rows)}), encoding="utf-8")
    values = benchmark_table(answered, METHODS)["values"]
    kept, moved = ([values[m][f"utility.hard_{key}"] for m in ("base", *METHODS)] for key in ("kept", "moved"))
    assert [cell["mean"] for cell in kept] == pytest.approx([1, 1, 0.9, 0.5])
    assert [cell["mean"] for cell in moved] == pytest.approx([0, 0.2, 0.08, 0.4])
    assert [cell.get("verdict") for cell in moved] == [None, "worse", "best", "worse"]
    assert moved[1]["low"] == moved[1]["high"] == pytest.approx(0.2)


def test_a_mean_at_the_floor_hides_no_question_above_it_and_none_below(answered: BenchmarkFolders) -> None:
    for run in (answered.folder / "runs").glob("above-*"):
        rows = pq.read_table(run / "answers.parquet").to_pylist()
        rows = [{**row, "probability": (0.1, 0.5)[number % 2]} for number, row in enumerate(rows)]
        write_answers(run / "answers.parquet", rows)
        report = json.loads((run / "criteria.json").read_text(encoding="utf-8"))
        (run / "criteria.json").write_text(json.dumps(report | {"values": values_of(rows)}), encoding="utf-8")
    values = benchmark_table(answered, METHODS)["values"]
    beyond, apart = ([values[m][f"efficacy.{key}"] for m in ("base", *METHODS)] for key in ("above_floor", "from_floor"))
    assert [cell["mean"] for cell in beyond] == pytest.approx([0.6, 0, -0.07, -0.18], abs=1e-6)
    assert [cell["mean"] for cell in apart[:2]] == pytest.approx([0.6, 0.2])
    assert [cell.get("verdict") for cell in apart] == [None, "worse", "best", "worse"]


def test_a_row_in_which_one_method_has_no_answers_claims_nothing(answered: BenchmarkFolders) -> None:
    (answered.folder / "runs/below-1/answers.parquet").unlink()
    table = benchmark_table(answered, METHODS)
    assert all("verdict" not in cell for method in METHODS for cell in table["values"][method].values())
    assert [table["values"][method]["efficacy.probability"]["over"] for method in METHODS] == [
        "questions",
        "seeds",
        "questions",
    ]
    assert row_of(table, "probability of the right answer, forget")[2] == "0.230 ± 0.025"


def test_without_the_bases_answers_no_ratio_and_no_distance_is_judged(answered: BenchmarkFolders) -> None:
    (answered.folder / "runs/base-0/answers.parquet").unlink()
    values = benchmark_table(answered, METHODS)["values"]
    told = {key for key, cell in values["above"].items() if "verdict" in cell}
    assert told == {"utility.hard_probability", "utility.general_probability"}
    assert values["above"]["efficacy.forgotten"]["mean"] == pytest.approx(0.9)


def test_differences_from_one_method_are_paired_and_bold_where_they_are_told_apart(answered: BenchmarkFolders) -> None:
    rows = {row["key"]: row for row in differences(answered, METHODS, "above")}
    beyond, hard = (rows[key]["cells"] for key in ("efficacy.above_floor", "utility.hard_kept"))
    assert list(beyond) == ["base", "below", "far_below"]
    assert [beyond[method]["mean"] for method in beyond] == pytest.approx([0.54, 0.01, 0.12])
    assert [hard[method]["mean"] for method in hard] == pytest.approx([0.1, 0.0, -0.4])
    assert beyond["below"]["p"] > 0.05 > beyond["far_below"]["p"]
    lines = list(difference_lines(list(rows.values()), "above"))
    assert lines[0] == "| less above | | base | below | far_below |"
    _, _, better, base, below, far_below, _ = next(line for line in lines if "beyond the floor" in line).split("|")
    assert better == " floor "
    assert base.startswith(" **+0.540 [") and below.startswith(" +0.010 [") and far_below.startswith(" **+0.120 [")


def test_differences_from_a_method_without_answers_are_refused(answered: BenchmarkFolders) -> None:
    with pytest.raises(InputError, match=r"holds no answers of nobody; those there are of base, above, below, far_below\."):
        differences(answered, METHODS, "nobody")


def test_a_table_is_the_same_each_time(answered: BenchmarkFolders) -> None:
    assert benchmark_table(answered, METHODS) == benchmark_table(answered, METHODS)


def test_runs_that_were_asked_other_questions_are_refused(answered: BenchmarkFolders) -> None:
    write_answered(answered.folder, "below", 2, 0.3, 0.7, wording=" now?")
    with pytest.raises(InputError, match=r"runs: below was asked other questions than base; make its runs anew"):
        benchmark_table(answered, METHODS)
