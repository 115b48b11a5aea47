"""`dressage report`: what a run came to."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from dressage.cli.arguments import AsJson
from dressage.spec.errors import UsageError


def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    json: AsJson = False,
) -> None:
    """Show a run's numbers, and write its page anew.

    \b
    Example:
      dressage report runs/first --json
    """
    from dressage.cli.console import stdout
    from dressage.cli.run import measure_again
    from dressage.cli.summary import print_next, print_summary
    from dressage.run.report.folder import read_run

    record = read_run(folder)
    if not (record.report or record.config):
        raise UsageError(f"{folder}: no config.yaml in it, so it is no run folder")
    if not record.report:
        raise UsageError(f"{folder}: the run has no report.json yet; go on with it: dressage run ... --resume")
    if json:
        typer.echo(json_module.dumps(record.report, indent=1, ensure_ascii=False))
        return
    from dressage.run.report import write_html

    page = write_html(folder)
    out = stdout()
    print_summary(record.report, out)
    trained = (folder / "model").is_dir()
    print_next(page, measure_again(folder) if trained else f"dressage report {folder} --json", out)
