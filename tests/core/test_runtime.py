"""What holds before torch is imported, and memory that stays with the process."""

import subprocess
import sys

import pytest

from pipeline.core.runtime import keep_freed_memory
from stages.nevermet import MODULES
from tests.project import ROOT, environment

PRINT = "import sys, os, {}; print('torch' in sys.modules, os.environ['GOMP_SPINCOUNT'])"
ARRAYS = """
import resource, numpy as np
from pipeline.core.runtime import keep_freed_memory
{}
faults = []
for _ in range(3):
    np.full(2**24, 1.0)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[2] - faults[1])
"""


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


def pages_of_another_array(first: str) -> int:
    """Pages that the kernel hands out for the third of three arrays of 128 MiB, after ``first`` was called."""
    command = [sys.executable, "-c", ARRAYS.format(first)]
    return int(subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout)


def test_what_was_freed_is_taken_again_without_asking_the_kernel() -> None:
    assert pages_of_another_array("") > 2**24 * 8 // 2**21 - 1, "huge pages at the most"
    assert pages_of_another_array(f"{keep_freed_memory.__name__}()") < 16, "what Python itself may take meanwhile"
