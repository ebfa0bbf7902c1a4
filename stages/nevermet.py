"""Make a language model forget one named person, and nothing else.

`dvc repro` runs the six stages one after the other, and again only what a change concerns; each can be run by itself too.
"""

from importlib import import_module

import click

from pipeline.core.process import run

SECTIONS = {  # of the help
    "The stages, in the order of the run": ("base", "prepare", "elicit", "teacher", "distill", "evaluate"),
    "To know the cost before": ("plan",),
    "To look at what they left": ("inspect", "fidelity", "report", "sweep"),
    "To compare with other methods": ("benchmark", "tune", "agreement"),
}
MODULES = {name: f"stages.{name}" for commands in SECTIONS.values() for name in commands} | {
    "benchmark": "benchmarks.stages.run",
    "tune": "benchmarks.stages.tune",
    "agreement": "benchmarks.stages.agreement",
}


class Commands(click.Group):
    """A group whose commands are modules with a ``main``, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = MODULES.get(cmd_name)
        return getattr(import_module(module), "main") if module else None  # noqa: B009 (typed as Any)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with a line each, by section."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self._line(ctx, name)) for name in commands])

    def _line(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        line = command.get_short_help_str(limit=200).removeprefix(f"Stage {name}: ").rstrip(".") if command else ""
        return line[:1].upper() + line[1:]


@click.command(cls=Commands, help=__doc__)
@click.version_option(package_name="nevermet")
def main() -> None:
    pass


def script() -> None:
    """What the installed `nevermet` calls."""
    run(main)


if __name__ == "__main__":
    script()
