"""`dressage new-plugin`: a distribution to start from."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """The kinds of component that there is a template for."""

    reward = "reward"
    filter = "filter"
    optimizer = "optimizer"
    evaluator = "evaluator"


def new_plugin(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The component's name, as politeness.", show_default=False)
    ],
    kind: Annotated[Kind, typer.Option("--kind", help="What it is.", show_default=False)],
    folder: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where to put it. Default: dressage-NAME.")
    ] = None,
) -> None:
    """Write a plugin that works and passes its contract.

    \b
    Example:
      dressage new-plugin politeness --kind reward
    """
    from dressage.host.scaffold import write_plugin

    made = write_plugin(name, kind.value, folder)
    for path in made.files:
        typer.echo(f"wrote {path}")
    typer.echo(f"next: pip install --no-build-isolation -e {made.folder} && pytest {made.folder}")
