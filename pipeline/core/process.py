"""A stage as a process of its own, which ends when its work has ended."""

import atexit
import gc
import os
import sys

import click


def run(command: click.Command) -> None:
    """Run ``command`` by the words of the command line, and end the process with its exit code.

    Without taking the interpreter apart, which nothing needs once all is written and closed: torch and vLLM leave millions of
    objects, for which Python takes seconds. What libraries do at exit is done before. And since imports make most of these
    objects, to stay, the garbage collector looks through them seldom.
    """
    gc.set_threshold(50_000, 20, 100)
    code: int | str | None = 1  # of an error that nobody expected, and Python prints

    def leave() -> None:
        if isinstance(code, int):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    atexit.register(leave)  # the first to register is the last to be called
    try:
        command()
    except SystemExit as end:
        code = 0 if end.code is None else end.code
        raise
