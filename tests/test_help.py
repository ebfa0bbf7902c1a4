"""``--help`` answers at once because it imports nothing heavy."""

import subprocess
import sys

import pytest

from tests.project import ROOT

HEAVY = ("torch", "vllm", "transformers", "pyarrow", "polars", "numpy", "dvc")
SCRIPT = """
import runpy, sys
sys.argv = ["stages.NAME", "--help"]
try:
    runpy.run_module("stages.NAME", run_name="__main__")
except SystemExit:
    pass
print("LOADED", *sorted(set(sys.modules) & set(HEAVY)))
"""


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "stages").glob("[!_]*.py"))])
def test_help_loads_nothing_heavy(name: str) -> None:
    script = SCRIPT.replace("NAME", name).replace("HEAVY", repr(HEAVY))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert f"python -m stages.{name}" in done.stdout
    assert done.stdout.splitlines()[-1].strip() == "LOADED"
