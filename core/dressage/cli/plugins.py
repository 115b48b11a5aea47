"""`dressage plugins`: what is installed, and the options of each component."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dressage.cli.arguments import AsJson
from dressage.cli.component import as_json, describe, find
from dressage.spec.components import KINDS

if TYPE_CHECKING:
    from dressage.host import Discovery

plugins = typer.Typer(rich_markup_mode=None)


@plugins.callback(invoke_without_command=True)
def list_plugins(ctx: typer.Context, json: AsJson = False) -> None:
    """List the installed plugins and their components.

    \b
    Example:
      dressage plugins
      dressage plugins show ppo
    """
    if ctx.invoked_subcommand is not None:
        return
    from dressage.host import discover

    found = discover()
    if json:
        typer.echo(json_module.dumps(_as_json(found), indent=1, ensure_ascii=False))
    else:
        _print_list(found)


@plugins.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="NAME, DIST/NAME or KIND/NAME.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Show a component's options: type, default and meaning.

    \b
    Example:
      dressage plugins show ppo
    """
    from dressage.host import discover

    entries = find(discover(), name)
    if json:
        found = [{**as_json(entry), "options": entry.options.model_json_schema()} for entry in entries]
        typer.echo(json_module.dumps(found, indent=1, ensure_ascii=False))
        return
    typer.echo("\n\n".join("\n".join(describe(entry)) for entry in entries))


def _as_json(found: Discovery) -> dict[str, Any]:
    fields = ("distribution", "version", "state", "error")
    return {
        "plugins": [
            {**{field: getattr(record, field) for field in fields}, "components": list(record.components)}
            for record in found.plugins
        ],
        "components": [as_json(entry) for kind in KINDS for entry in found.catalog.entries(kind)],
        "commands": [
            {"name": name, "distribution": command.distribution, "doc": command.doc}
            for name, command in found.commands.items()
        ],
    }


def _print_list(found: Discovery) -> None:
    from rich.table import Table
    from rich.text import Text

    from dressage.cli.console import print_table, stdout

    out = stdout()
    table = Table(box=None, pad_edge=False)
    for title in ("kind", "name", "plugin", "what it does"):
        table.add_column(title)
    for kind in KINDS:
        for entry in found.catalog.entries(kind):
            table.add_row(kind, entry.name, f"{entry.distribution} {entry.version}", Text(entry.doc))
    for name, command in found.commands.items():
        table.add_row("command", name, f"{command.distribution} {command.version}", Text(command.doc))
    if table.row_count:
        print_table(table, out)
    else:
        out.print("no component is installed; begin with: pip install dressage-starter dressage-sft dressage-ppo")
    for record in found.plugins:
        name = f"{record.distribution} {record.version}"
        if record.state == "broken":
            out.print(Text(f"broken: {name}: {record.error}", "red"), soft_wrap=True)
        elif record.state == "blocked":
            out.print(Text(f"blocked by DRESSAGE_PLUGINS: {name}"), soft_wrap=True)
