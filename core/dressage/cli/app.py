"""The command `dressage`: its own subcommands, and those of plugins, which are imported only when they run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from dressage.cli.check import check
from dressage.cli.doctor import doctor
from dressage.cli.evaluate import evaluate
from dressage.cli.example import init
from dressage.cli.plugins import plugins
from dressage.cli.report import report
from dressage.cli.run import run
from dressage.cli.scaffold import new_plugin

PANEL = "From plugins"


class LazyCommand(TyperCommand):
    """A plugin's command: listed by its one-line description, imported when it is called."""

    def __init__(self, name: str, *, command: Any) -> None:
        super().__init__(name, help=command.doc or f"From {command.distribution}.", rich_help_panel=PANEL)
        self._command = command

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Imports the function and hands over to the command that typer makes of it."""
        made = typer.Typer(add_completion=False, rich_markup_mode=None)
        made.command(self.name, help=self.help)(self._command.load())
        return typer.main.get_command(made).make_context(info_name, args, parent, **extra)


class PluginGroup(TyperGroup):
    """A group that also has the subcommands of the installed plugins; a built-in one has precedence."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The built-in names, then those of plugins."""
        own = super().list_commands(ctx)
        return [*own, *(name for name in sorted(_plugin_commands()) if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        command = _plugin_commands().get(cmd_name)
        return LazyCommand(cmd_name, command=command) if command is not None else None


def _plugin_commands() -> Mapping[str, Any]:
    from dressage.host import discover

    return discover().commands


app = typer.Typer(
    cls=PluginGroup,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from dressage import __version__

        typer.echo(f"dressage {__version__} (Python {sys.version.split()[0]})")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def dressage(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Plugin-based safety alignment for language models.

    \b
    Example:
      dressage init quickstart.yaml
      dressage run quickstart.yaml
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


app.command()(run)
app.command()(check)
app.command(name="eval")(evaluate)
app.command()(report)
app.add_typer(plugins, name="plugins")
app.command()(init)
app.command(name="new-plugin")(new_plugin)
app.command()(doctor)
