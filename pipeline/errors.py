"""The one exception a user's mistake raises: a sentence, and exit code 2."""

import click


class InputError(click.ClickException):
    """What was wrong, where (file, line, column or key), and what would be right, in one sentence."""

    exit_code = 2
