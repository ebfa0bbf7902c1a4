"""All stages behind a benchmark's table, several beside each other, each on cores of its own.

DVC runs one stage after another, and with a small model two cores are less than twice as fast as one: a step has parts that
one core does alone, and so has every start. A job is ``dvc repro --single-item`` of a stage whose dependencies are done: DVC
decides as always what has to run, and what had finished when all was killed counts as finished.
"""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from graphlib import TopologicalSorter
from io import StringIO
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from ruamel.yaml import YAML

from pipeline.core.errors import InputError
from pipeline.core.files import write_text
from pipeline.core.params import read_yaml
from pipeline.core.progress import progress_bar

MATRIX_FILE = Path("benchmarks/matrix.yaml")  # every stage of every benchmark
STAGES_FILE = Path("benchmarks/dvc.yaml")  # those that DVC has been asked for
_POLL_SECONDS = 0.2


def write_stages(benchmark: str) -> None:
    """Give DVC the stages of ``benchmark`` in benchmarks/dvc.yaml, beside those of other benchmarks that stand there.

    Raises InputError where benchmarks/matrix.yaml has no table of it.
    """
    document = read_yaml(MATRIX_FILE)
    known, there = _of_tables(document), _of_tables(read_yaml(STAGES_FILE)) if STAGES_FILE.exists() else []
    if benchmark not in known:
        raise InputError(f"{MATRIX_FILE}: the matrix of table has no {benchmark!r}; it has {', '.join(known)}.")
    wanted, stages = {*there, benchmark}, {}
    for name, stage in document["stages"].items():
        if stage["cmd"].split()[4] in wanted:  # the word after exec python -m MODULE
            stages[name] = stage
        elif chosen := [one for one in stage.get("matrix", {}).get("benchmark", []) if one in wanted]:
            stages[name] = {**stage, "matrix": {**stage["matrix"], "benchmark": chosen}}
    text = StringIO()
    YAML().dump({**document, "stages": stages}, text)
    write_text(STAGES_FILE, f"# The stages of {MATRIX_FILE} that nevermet benchmark was asked for.\n{text.getvalue()}")


def _of_tables(document: Mapping[str, Any]) -> list[str]:
    """The benchmarks that ``document`` makes tables of."""
    try:
        return list(document["stages"]["table"]["matrix"]["benchmark"])
    except (KeyError, TypeError):
        return []


def stages_behind(target: str) -> dict[str, list[str]]:
    """The DVC stages that ``target`` rests on, itself too: of each, by its name, the stages that it depends on.

    Raises InputError where DVC does not know ``target``.
    """
    try:
        with Repo() as repo:
            stages = sorted(repo.stage.collect(target, with_deps=True), key=lambda stage: stage.addressing)
            return {stage.addressing: [dep.addressing for dep in repo.index.graph.successors(stage)] for stage in stages}
    except DvcException as error:
        raise InputError(
            f"DVC can't tell the stages of {target} ({error}); run this in the project's folder, on what that file names."
        ) from None


def of_seeds(stages: Mapping[str, Sequence[str]], seeds: Collection[int]) -> dict[str, list[str]]:
    """``stages`` without the runs of other ``seeds``, which stand at the end of a stage's name (unlearn@tofu-npo-1).

    Seed 0 stays where a stage has no other (the base, the gold standard, prompting). Raises InputError for a seed of none.
    """
    runs: dict[str, set[int]] = defaultdict(set)
    for run, _, seed in (name.rpartition("-") for name in stages):
        if seed.isdecimal():
            runs[run].add(int(seed))
    known = sorted(set().union(*runs.values()))
    if missing := set(seeds) - set(known):
        raise InputError(f"--seeds has {min(missing)}, which no stage has; the seeds there are {', '.join(map(str, known))}.")
    dropped = {f"{run}-{seed}" for run, of_run in runs.items() if of_run != {0} for seed in of_run - set(seeds)}
    return {name: [one for one in needed if one not in dropped] for name, needed in stages.items() if name not in dropped}


def cores_of_jobs(jobs: int) -> list[list[int]]:
    """The cores that this process may use, dealt to ``jobs``. Raises InputError for more jobs than cores."""
    cores = sorted(os.sched_getaffinity(0))
    if jobs > len(cores):
        raise InputError(f"--jobs is {jobs}, but this process may use {len(cores)} cores; give at most as many jobs.")
    return [cores[len(cores) * job // jobs : len(cores) * (job + 1) // jobs] for job in range(jobs)]


class _Job:
    """A stage that is being run, on ``cores``."""

    def __init__(self, name: str, cores: Sequence[int], logs: Path) -> None:
        self.name, self.cores, self.started = name, cores, time.monotonic()
        self.log = logs / f"{name.rpartition(':')[2]}.log"
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", name]
        env = {**os.environ, "OMP_NUM_THREADS": str(len(cores))}
        with self.log.open("wb") as stream:
            self.process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=env, start_new_session=True)
        os.sched_setaffinity(self.process.pid, cores)

    def reason(self) -> str:
        """The last error that a failed job printed, or its exit status."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n").splitlines()
        errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
        return errors[-1].rstrip(".") if errors else f"its exit status is {self.process.returncode}"


def run_stages(stages: Mapping[str, Sequence[str]], cores: Sequence[Sequence[int]], logs: Path) -> list[str]:
    """Run ``stages``, given with their dependencies, as many at once as there are ``cores``; returns those that DVC ran.

    What a stage prints goes to a file in ``logs``. Raises InputError where one fails; those beside it are finished first.
    """
    logs.mkdir(parents=True, exist_ok=True)
    order = TopologicalSorter(stages)
    order.prepare()
    free = list(cores)
    waiting: list[str] = []
    running: list[_Job] = []
    failed: list[_Job] = []
    ran: list[str] = []
    try:
        with progress_bar(len(stages), "stage", "benchmark") as bar:
            while running or (order.is_active() and not failed):
                waiting += order.get_ready()
                while waiting and free and not failed:
                    running.append(_Job(waiting.pop(0), free.pop(0), logs))
                time.sleep(_POLL_SECONDS)
                for job in [job for job in running if job.process.poll() is not None]:
                    running.remove(job)
                    free.append(job.cores)
                    if job.process.returncode:
                        failed.append(job)
                        continue
                    order.done(job.name)
                    if b"Running stage" in job.log.read_bytes():
                        ran.append(job.name)
                        bar.write(f"{job.name}: {time.monotonic() - job.started:.0f} s", file=sys.stderr)
                    bar.update(1)
    finally:
        for job in running:
            with suppress(ProcessLookupError):
                os.killpg(job.process.pid, signal.SIGTERM)
    if failed:
        raise InputError(f"{failed[0].name} failed: {failed[0].reason()}; all that it printed is in {failed[0].log}.")
    return ran
