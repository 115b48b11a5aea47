"""`dressage doctor`: whether this machine can run what is installed."""

from __future__ import annotations

import json as json_module
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from dressage.cli.arguments import AsJson, Device, Memory, Settings, overrides
from dressage.spec.errors import UsageError

PATIENCE = 120.0
"""Seconds that importing the engine may take."""


def doctor(
    yaml: Annotated[
        Path | None, typer.Argument(metavar="[YAML]", help="Also say what memory this run needs.", show_default=False)
    ] = None,
    settings: Settings = None,
    device: Device = None,
    memory: Memory = None,
    json: AsJson = False,
) -> None:
    """Look at this machine, and say what to do; with a YAML, also what memory its run needs.

    \b
    Example:
      dressage doctor
      dressage doctor quickstart.yaml --memory 8
    """
    if yaml is None and (settings or device or memory is not None):
        raise UsageError("--set, --device and --memory go with a YAML; name one")
    from dressage.cli.budget import planned, show_budget
    from dressage.host import discover
    from dressage.host.doctor import examine

    plan = planned(yaml, overrides(settings, None, device)) if yaml is not None else None
    findings = examine(discover(), engine=engine_facts(), environ=os.environ)
    listed = [asdict(finding) for finding in findings]
    if not json:
        _print(findings)
    elif plan is None:
        typer.echo(json_module.dumps(listed, indent=1, ensure_ascii=False))
    if plan is not None:
        show_budget(plan, memory=memory, json=json, beside={"machine": listed})
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(3 if all(f.plugin for f in findings if f.verdict == "bad") else 4)


def engine_facts() -> Mapping[str, Any]:
    """What torch says of the machine, asked in a process of its own: an import that crashes must not end the doctor."""
    command = [sys.executable, "-m", "dressage.cli.probe"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return dict(json_module.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return {"error": f"importing torch took more than {PATIENCE:.0f} seconds"}
    except ValueError:
        last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        return {"error": last}


def _print(findings: Any) -> None:
    from rich.text import Text

    from dressage.cli.console import stdout

    out = stdout()
    styles = {"ok": "green", "note": "yellow", "bad": "bold red"}
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        line = Text.assemble(
            (f"{finding.verdict:<4}", styles[finding.verdict]), f"  {finding.check:<{width}}  {finding.found}"
        )
        if finding.fix:
            line.append(f"; {finding.fix}")
        out.print(line, soft_wrap=True)
