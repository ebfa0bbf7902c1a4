"""What writes the code dependencies: it finds nothing to do in the project's own files, and mends a broken one."""

import re

import pytest

from tests.import_closure import with_code_dependencies
from tests.project import ROOT


@pytest.mark.parametrize("file", ["dvc.yaml", "benchmarks/dvc.yaml"])
def test_missing_and_foreign_dependencies_are_mended(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert with_code_dependencies(text, ROOT) == text
    without = re.sub(r"      - (pipeline|stages)/.*\.py\n", "", text)
    assert without != text
    # Code comes last where there is none to show its place.
    lines = with_code_dependencies(without, ROOT).splitlines()
    assert sorted(lines) == sorted(text.splitlines())
    foreign = text.replace("      - pipeline/errors.py\n", "      - pipeline/errors.py\n      - pipeline/no_such.py\n")
    assert with_code_dependencies(foreign, ROOT) == text
