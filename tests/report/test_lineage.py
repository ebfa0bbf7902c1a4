"""Where the numbers come from, inside git and outside."""

import hashlib
import subprocess
from pathlib import Path

from pipeline.report.lineage import lineage


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_outside_git_there_is_no_commit(tmp_path: Path) -> None:
    facts = lineage(tmp_path)
    assert (facts["commit"], facts["dirty"], facts["model"], facts["data"]) == ("none", False, {}, [])
    assert "torch" in {package["name"] for package in facts["packages"]}


def test_a_changed_file_makes_it_dirty(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/targets.jsonl").write_text("{}\n", encoding="utf-8")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    assert len(lineage(tmp_path)["commit"]) == 40
    assert not lineage(tmp_path)["dirty"]
    (tmp_path / "new.txt").write_text("not tracked", encoding="utf-8")
    assert not lineage(tmp_path)["dirty"]
    (tmp_path / "data/targets.jsonl").write_text("{ }\n", encoding="utf-8")
    assert lineage(tmp_path)["dirty"]


def test_files_have_the_hash_of_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "data/names").mkdir(parents=True)
    (tmp_path / "data/judge").mkdir()
    (tmp_path / "benchmarks/results/tofu/prepared").mkdir(parents=True)
    files = (
        "data/targets.jsonl",
        "data/names/en.txt",
        "data/judge/leak.txt",
        "benchmarks/results/tofu/prepared/passages.parquet",
    )
    for file in files:
        (tmp_path / file).write_text(file, encoding="utf-8")
    (tmp_path / "params.yaml").write_text("model:\n  source: some/model\n", encoding="utf-8")
    facts = lineage(tmp_path)
    for told in facts["data"]:
        assert told["sha256"] == hashlib.sha256(told["file"].encode()).hexdigest()
    assert {told["file"] for told in facts["data"]} == set(files)
    assert facts["model"] == {"source": "some/model"}
    assert facts["params"][0]["text"].startswith("model:")
