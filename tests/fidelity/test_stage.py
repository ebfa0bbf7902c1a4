"""The stage on the tiny model: what it reports, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.project import make_project, run, set_params, stage

REPORT = "evaluation/fidelity.json"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A project with shards, made with the transformers engine; documents and chats."""
    folder = make_project(tmp_path_factory.mktemp("project"), tiny_model, templates=2)
    set_params(folder, {"elicit.engine": "transformers", "teacher.engine": "transformers"})
    run(folder, "git", "init", "-q")
    for name in ("base", "prepare", "elicit", "teacher"):
        stage(folder, name)
    return folder


@pytest.fixture
def changed(project: Path):
    """Lets a test change params; puts them back afterwards."""
    before = (project / "params.yaml").read_text()
    yield project
    (project / "params.yaml").write_text(before)


@pytest.fixture(scope="module")
def vocabulary(project: Path) -> int:
    return int(json.loads((project / "models/base/config.json").read_text())["vocab_size"])


@pytest.fixture(scope="module")
def printed(project: Path, vocabulary: int) -> str:
    return stage(project, "fidelity", "--passages", "6", "--top-k", f"8,16,64,{vocabulary}").stdout


@pytest.fixture(scope="module")
def report(project: Path, printed: str) -> dict[str, Any]:
    return json.loads((project / REPORT).read_text())


def test_what_is_printed(printed: str, report: dict[str, Any]) -> None:
    lines = printed.splitlines()
    assert len(lines) == 11
    assert lines[0].startswith(f"{len(report['sample']['passages'])} of {report['sample']['of_passages']} forget passages")
    assert lines[-1].startswith(f"{REPORT}; at K = 16: total variation {report['shards']['total_variation_mean']:.4f}")


def test_shards_are_what_the_same_engine_gives(report: dict[str, Any]) -> None:
    emulated = next(row for row in report["by_top_k"] if row["K"] == 16)
    assert report["shards"] == pytest.approx(emulated, abs=1e-4)
    assert report["engines"]["same_top_1_share"] > 0.99
    assert report["engines"]["logprob_difference_max"] < 5e-3
    assert report["engines"]["logprobs_compared"] > 100


def test_whole_vocabulary_loses_nothing_but_the_rounding(report: dict[str, Any], vocabulary: int) -> None:
    row = report["by_top_k"][-1]
    assert row["K"] == vocabulary
    assert row["total_variation_max"] < 1e-3 * 2
    assert row["total_variation_mean"] < 1e-3
    assert row["gradient_cosine"] > 0.9999


def test_a_larger_k_is_nearer(report: dict[str, Any]) -> None:
    rows = report["by_top_k"]
    for key in ("tail_mean", "dense_tail_mean"):
        assert [row[key] for row in rows] == sorted((row[key] for row in rows), reverse=True)
    # The average is cut and never a name's own distribution, so what is kept is exact but for float16.
    assert all(row["total_variation_max"] < 2e-3 for row in rows)
    assert all(row["tail_mean"] == pytest.approx(row["dense_tail_mean"], abs=1e-3) for row in rows)
    cosines = [row["gradient_cosine"] for row in rows]
    assert cosines == sorted(cosines)
    assert 0 < cosines[0] < 1


def test_positions_that_are_not_lost_are_trained(project: Path, report: dict[str, Any]) -> None:
    alignment = report["alignment"]
    shards = pl.read_parquet(project / "data/teacher/shard-*.parquet").filter(pl.col("kind") == "forget")
    trained = alignment["literal_tokens"] - alignment["lost_tokens"]
    # A mention's first token is trained as well, and is no literal text.
    assert shards.height - 2 * report["sample"]["of_passages"] <= trained <= shards.height
    assert 0 < report["swapped_mass_mean"] < 1


def test_sample_is_the_same_every_time_and_holds_forget_passages(project: Path, report: dict[str, Any]) -> None:
    stage(project, "fidelity", "--passages", "6", "--top-k", "8")
    again = json.loads((project / REPORT).read_text())
    assert again["sample"] == report["sample"]
    assert again["by_top_k"][0] == pytest.approx(report["by_top_k"][0], rel=1e-3, abs=1e-6)
    passages = pl.read_parquet(project / "data/teacher/passages.parquet")
    chosen = passages.filter(pl.col("passage").is_in(report["sample"]["passages"]))
    assert chosen["kind"].unique().to_list() == ["forget"]
    assert set(chosen["format"]) == {"document", "chat"}


@pytest.mark.parametrize(
    ("params", "words", "reason"),
    [
        ({"teacher.top_k": 8}, (), "another top_k (then 16, now 8)"),
        ({"teacher.names": 3}, (), "another N (then 4, now 3)"),
        ({"teacher.reverse_swap": "excess"}, (), "another reverse_swap"),
        ({"teacher.forget_from": ["given"]}, (), "another forget_from"),
        ({"teacher.targets": "hard"}, (), "soft targets"),
        ({}, ("--target", "Town 1"), "soft targets"),
        ({}, ("--top-k", "100000"), "vocabulary"),
        ({}, ("--top-k", "8,many"), "whole numbers"),
    ],
)
def test_what_does_not_fit_is_refused(changed: Path, params: dict[str, Any], words: tuple[str, ...], reason: str) -> None:
    set_params(changed, params)
    done = stage(changed, "fidelity", *words, check=False)
    assert done.exit_code == 2
    assert reason in " ".join(done.stderr.split())


def test_shards_of_other_passages_are_refused(changed: Path) -> None:
    path = changed / "data/prepared/passages.parquet"
    before = path.read_bytes()
    try:
        pl.read_parquet(path).slice(1).write_parquet(path)
        done = stage(changed, "fidelity", check=False)
    finally:
        path.write_bytes(before)
    assert done.exit_code == 2
    assert "other passages" in done.stderr


def test_missing_shards_are_named(tmp_path: Path, project: Path) -> None:
    teacher = project / "data/teacher"
    teacher.rename(tmp_path / "teacher")
    try:
        done = stage(project, "fidelity", check=False)
    finally:
        (tmp_path / "teacher").rename(teacher)
    assert done.exit_code == 2
    assert "data/teacher" in done.stderr
