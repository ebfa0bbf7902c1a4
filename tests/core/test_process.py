"""A stage as a process: its exit codes and words are a command's own, and the interpreter is not taken apart at its end."""

import subprocess
import sys

import pytest

SCRIPT = """
import atexit
import sys

import click

from pipeline.core.errors import InputError
from pipeline.core.process import run


class Left:
    def __del__(self):
        print("taken apart", file=sys.stderr)


left = Left()
left.itself = left


@click.command()
@click.argument("how")
def main(how):
    atexit.register(lambda: print("closed at exit"))
    click.echo("written", nl=False)
    if how == "refuse":
        raise InputError("params.yaml: number must be one.")
    if how == "exit":
        sys.exit(143)
    if how == "break":
        raise RuntimeError("not expected")


run(main)
"""


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [
        ("end", 0, ""),
        ("refuse", 2, "Error: params.yaml: number must be one.\n"),
        ("exit", 143, ""),
        ("break", 1, "RuntimeError: not expected\n"),
    ],
)
def test_codes_and_words_are_the_commands_own(how: str, code: int, told: str) -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert ended.stdout == "writtenclosed at exit\n"
    assert ended.stderr.endswith(told) and "taken apart" not in ended.stderr
