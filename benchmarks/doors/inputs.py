"""Bad inputs: what is spoilt, and what the stage has to say to it; or that it has to be taken, where it is no mistake."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.doors.attempt import Finding, classify, run
from benchmarks.doors.project import copy, snapshot

Spoil = Callable[[Path], object]  # of the project in a folder
Words = Sequence[str] | None


@dataclass(frozen=True)
class Case:
    """``stage`` is run after ``spoil``; its message must hold ``words``. None: it has to succeed."""

    stage: str
    what: str
    spoil: Spoil
    words: Words


def try_inputs(project: Path, work: Path, cases: Sequence[Case], most: int = 0) -> Iterator[Finding]:
    """What came of each of ``cases``, or of ``most`` of them, in a copy of ``project``."""
    chosen = random.Random(0).sample(cases, most) if most else cases
    for case in chosen:
        folder = copy(project, work)
        case.spoil(folder)
        before = snapshot(folder)
        ended = run(folder, case.stage)
        kind, said = classify(ended, case.words, snapshot(folder) != before)
        yield Finding(f"{case.stage}: {case.what}", kind, said)
