"""What docs/measured publishes is what the runs that lie beside it give."""

import json
from pathlib import Path

import pytest

from benchmarks.criteria.table import ANSWERS, REFERENCES, benchmark_table, differences
from benchmarks.suite.params import BenchmarkFolders
from tests.project import ROOT

WHOLE = sorted({path.parents[2] for path in (ROOT / "docs/measured").glob(f"*/runs/*/{ANSWERS}")})


def test_some_are_whole() -> None:
    assert [folder.name for folder in WHOLE]


@pytest.mark.parametrize("folder", WHOLE, ids=lambda folder: folder.name)
def test_table_and_differences_are_those_of_the_runs(folder: Path) -> None:
    table = json.loads((folder / "table.json").read_text(encoding="utf-8"))
    methods = [method for method in table["methods"] if method not in REFERENCES]
    assert json.loads(json.dumps(benchmark_table(BenchmarkFolders(folder), methods))) == table
    published = json.loads((folder / "differences.json").read_text(encoding="utf-8"))
    again = differences(BenchmarkFolders(folder), methods, published["beside"])
    assert json.loads(json.dumps(again)) == published["measures"]
