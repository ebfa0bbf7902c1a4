"""Make a language model forget one named person, and nothing else.

`dvc repro` runs the six stages one after the other, and again only what a change concerns; each can be run by itself too.
"""

from importlib import import_module

import click

# Where each command is, in the order of the help; loaded when it is called.
SECTIONS = {
    "The stages, in the order of the run": {
        "base": "stages.base",
        "prepare": "stages.prepare",
        "elicit": "stages.elicit",
        "teacher": "stages.teacher",
        "distill": "stages.distill",
        "evaluate": "stages.evaluate",
    },
    "To look at what they left": {
        "inspect": "stages.inspect",
        "fidelity": "stages.fidelity",
        "report": "stages.report",
        "sweep": "stages.sweep",
    },
    "To compare with other methods": {
        "benchmark": "benchmarks.stages.run",
        "tune": "benchmarks.stages.tune",
        "agreement": "benchmarks.stages.agreement",
    },
}
MODULES = {name: module for commands in SECTIONS.values() for name, module in commands.items()}


class Commands(click.Group):
    """A group whose commands are modules with a ``main``, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See click.Group."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See click.Group."""
        module = MODULES.get(cmd_name)
        return getattr(import_module(module), "main") if module else None  # noqa: B009 (typed as Any)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with a line each, by section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self._line(ctx, name)) for name in commands])

    def _line(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        sentence = (command.help or "").partition(".\n")[0].partition(". ")[0] if command else ""
        line = " ".join(sentence.removeprefix(f"Stage {name}: ").split())
        return line[:1].upper() + line[1:]


@click.command(cls=Commands, help=__doc__)
@click.version_option(package_name="nevermet")
def main() -> None:
    """See the module."""


if __name__ == "__main__":
    main()
