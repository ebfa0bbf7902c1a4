"""Help answers at once: no stage imports a heavy library before it has something to do; and the one command knows them all."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from stages.nevermet import MODULES, main
from tests.project import ROOT

HEAVY = ("torch", "vllm", "transformers", "pyarrow", "polars", "numpy", "pydantic", "dvc")
STAGES = [
    f"{package}.{path.stem}"
    for package in ("stages", "benchmarks.stages")
    for path in sorted((ROOT / package.replace(".", "/")).glob("[!_]*.py"))
]
SCRIPT = """
import runpy, sys
sys.argv = ["MODULE", "--help"]
try:
    runpy.run_module("MODULE", run_name="__main__")
except SystemExit:
    pass
print("LOADED", *sorted(set(sys.modules) & set(HEAVY)))
"""


@pytest.mark.parametrize("module", STAGES)
def test_help_loads_nothing_heavy(module: str) -> None:
    script = SCRIPT.replace("MODULE", module).replace("HEAVY", repr(HEAVY))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "Usage:" in done.stdout
    assert done.stdout.splitlines()[-1].strip() == "LOADED"


def test_every_stage_is_a_command_of_nevermet_and_says_what_it_does() -> None:
    stages = {module for module in STAGES if module.startswith("stages.") and module != "stages.nevermet"}
    assert stages <= set(MODULES.values()) <= set(STAGES)
    listing = CliRunner().invoke(main, ["--help"]).output
    for name, module in MODULES.items():
        assert f"  {name} " in listing
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0, module


def test_unknown_command_is_told() -> None:
    result = CliRunner().invoke(main, ["forget"])
    assert result.exit_code == 2 and "No such command 'forget'" in result.output
