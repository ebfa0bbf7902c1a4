"""Try every door: bad inputs, spoilt shards, kills, signals, disks, two runs at once; print counts, and each try that failed.

python -m benchmarks.doors --only tampering --only kills

A try is good where the stage tells the fault in one sentence (told), takes what is no fault (taken), comes to the same bytes
after a kill (recovered), or ends on a signal with one line (ended). The rest is listed, and makes the exit code 1.
"""

import tempfile
from pathlib import Path

import click

NAMES = ("inputs", "tampering", "kills", "signals", "disks", "locks")


@click.command(help=__doc__)
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="This area alone; may be given several times.")
@click.option("--quick", is_flag=True, help="A few tries of each area.")
def main(only: tuple[str, ...], quick: bool) -> None:
    from benchmarks.doors.attempt import GOOD, counts
    from benchmarks.doors.campaign import AREAS, ready_project

    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        project = ready_project(Path(folder) / "project")
        for name in only or NAMES:
            findings = []
            for finding in AREAS[name](project, Path(folder) / name, quick):
                findings.append(finding)
                if finding.kind not in GOOD:
                    click.echo(f"  {finding.kind} | {finding.what} | {finding.said[:300]}")
            bad = sum(finding.kind not in GOOD for finding in findings)
            failed += bad
            shown = ", ".join(f"{count} {kind}" for kind, count in counts(findings).items())
            click.echo(f"{name}: {len(findings)} tries, {len(findings) - bad} good ({shown})")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.doors")
