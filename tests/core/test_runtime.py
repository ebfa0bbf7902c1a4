"""What holds before torch is imported."""

import subprocess
import sys

import pytest

from stages.nevermet import MODULES
from tests.project import ROOT, environment

PRINT = "import sys, os, {}; print('torch' in sys.modules, os.environ['GOMP_SPINCOUNT'])"


@pytest.mark.parametrize(("wanted", "found"), [(None, "3000"), ("0", "0")])
def test_threads_sleep_while_they_wait_unless_told_otherwise(wanted: str | None, found: str) -> None:
    modules = ["pipeline.core.errors", *MODULES.values()]
    env = {key: value for key, value in environment().items() if key != "GOMP_SPINCOUNT"}
    if wanted:
        env["GOMP_SPINCOUNT"] = wanted
    printed = subprocess.run(
        [sys.executable, "-c", PRINT.format(", ".join(modules))], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    ).stdout
    assert printed.split() == ["False", found]
