"""`dressage init`: a YAML to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dressage.spec.errors import UsageError


def init(
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The YAML file to write.")] = Path("quickstart.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a YAML that runs as it is, with comments.

    \b
    Example:
      dressage init quickstart.yaml
    """
    from dressage.host.scaffold import example_yaml, make_folder

    if file.is_dir():
        raise UsageError(f"{file}: is a folder; name a file, as {file / 'quickstart.yaml'}")
    if file.exists() and not force:
        raise UsageError(f"{file}: is there already; pass --force to write over it, or name another file")
    make_folder(file.parent, file)
    file.write_text(example_yaml(), encoding="utf-8")
    typer.echo(f"wrote {file}")
    typer.echo(f"next: dressage run {file}")
