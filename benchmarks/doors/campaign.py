"""The areas of the campaign, each in its full and its short form, and the project on which they are tried."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.doors.attempt import Finding, run
from benchmarks.doors.disks import try_disks
from benchmarks.doors.files import json_that_is_none, pools_and_templates, questions, targets
from benchmarks.doors.inputs import Case, try_inputs
from benchmarks.doors.keys import every_key, values_too_far, yaml_that_is_none
from benchmarks.doors.kills import try_kills
from benchmarks.doors.leftovers import commands, outputs
from benchmarks.doors.locks import try_locks
from benchmarks.doors.models import configs, tokenizers, weights
from benchmarks.doors.project import OUTPUTS, write_project
from benchmarks.doors.signals import try_signals
from benchmarks.doors.tampering import try_tampering

# A thread a process, no hub, and no word of what killed stages leave behind.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "PYTHONWARNINGS": "ignore:resource_tracker",
}
Area = Callable[[Path, Path, bool], Iterator[Finding]]  # the project, a folder for its copies, whether it has to be short


def ready_project(folder: Path) -> Path:
    """A project on which every stage has run. Sets this process's environment, which the stages have from it."""
    os.environ |= ENVIRONMENT
    write_project(folder)
    for words in OUTPUTS:
        ended = run(folder, words)
        if ended.code:
            raise AssertionError(f"{words} gave {ended.code}\n{ended.output}")
    return folder


def cases() -> list[Case]:
    """Every bad input."""
    of_files = (json_that_is_none, targets, questions, pools_and_templates)
    of_models = (weights, configs, tokenizers)
    every = (every_key, values_too_far, yaml_that_is_none, *of_files, *of_models, outputs, commands)
    return [case for cases_of in every for case in cases_of()]


AREAS: Mapping[str, Area] = {
    "inputs": lambda project, work, quick: try_inputs(project, work, cases(), 25 if quick else 0),
    "tampering": lambda project, work, quick: try_tampering(project, work, *((10, 3) if quick else (300,))),
    "kills": lambda project, work, quick: try_kills(project, work, *((1, ("teacher", "distill")) if quick else (20,))),
    "signals": lambda project, work, quick: try_signals(project, work, *((2, ("prepare",), False) if quick else (3,))),
    "disks": lambda project, work, quick: try_disks(project, work, *([("prepare",)] if quick else [])),
    "locks": lambda project, work, quick: try_locks(project, work, *([("prepare",)] if quick else [])),
}
