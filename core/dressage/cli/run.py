"""`dressage run`: check a YAML, train, evaluate, report."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from dressage.cli.arguments import AsJson, Device, Memory, RunDir, Seed, Settings, Yaml, overrides
from dressage.spec.errors import ComponentError, GateError, Interrupted, UsageError


def run(
    yaml: Yaml,
    run_dir: RunDir = None,
    settings: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --run-dir.")] = False,
    seed: Seed = None,
    device: Device = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the memory that the run needs, and stop; nothing is loaded.")
    ] = False,
    memory: Memory = None,
    json: AsJson = False,
    no_budget_check: Annotated[
        bool, typer.Option("--no-budget-check", help="Run also where the estimated memory is more than there is.")
    ] = False,
) -> None:
    """Train and evaluate as a YAML says, and write a report.

    \b
    Example:
      dressage run quickstart.yaml --run-dir runs/first --set stages.1.iterations=10
    """
    if dry_run:
        from dressage.cli.budget import planned, show_budget

        show_budget(planned(yaml, overrides(settings, seed, device)), memory=memory, json=json)
        return
    if memory is not None or json:
        raise UsageError(f"{'--json' if json else '--memory'} goes with --dry-run")
    from dressage.cli.console import TerminalConsole
    from dressage.cli.folder import BEGUN, open_folder
    from dressage.cli.interrupt import StopOnInterrupt
    from dressage.host import check, discover

    plan = check(yaml, discover(), overrides=overrides(settings, seed, device))
    folder = open_folder(run_dir, yaml.stem, resume=resume, yaml=yaml)
    console = TerminalConsole()
    console.line(f"checked {yaml}; loading the engine")
    from dressage.run.loop import execute  # torch: only now, when the YAML is known to be right

    with StopOnInterrupt(console) as stop:
        try:
            checked = not no_budget_check
            finish(partial(execute, plan, folder, console, resume=resume, stop=stop, check_memory=checked), folder)
        except (Interrupted, KeyboardInterrupt) as error:
            if isinstance(error, KeyboardInterrupt):
                console.line("stopped at once")
            if (folder / BEGUN).is_file():
                console.line(f"next: {resume_command(yaml, folder, overrides(settings, seed, device))}")
            raise


def finish(work: Callable[[], Mapping[str, Any]], folder: Path, following: str | None = None) -> None:
    """Does the work and prints what came out, and the command that follows, also where the gate then refuses it.

    That command is, unless another is given, the one that measures the run again.
    """
    from dressage.cli.console import stdout
    from dressage.cli.summary import print_next, print_summary
    from dressage.run.report import write_html
    from dressage.run.report.folder import read_run

    gate: GateError | None = None
    try:
        report = work()
    except GateError as error:
        gate, report = error, read_run(folder).report
    except SystemExit as error:  # what follows would never be said, and the exit code might be 0
        text = f"a component ended the process (sys.exit({error.code!r})); set DRESSAGE_TRACEBACK=1 to see where"
        raise ComponentError(text) from error
    page = folder / "report.html"
    if not page.is_file():
        write_html(folder)
    out = stdout()
    print_summary(report, out)
    print_next(page, following or measure_again(folder), out)
    if gate is not None:
        raise gate


def measure_again(folder: Path) -> str:
    """The command that measures a run once more, with narrower intervals."""
    return shlex.join(["dressage", "eval", str(folder), "--set", "evaluate.samples=8"])


def resume_command(yaml: Path, folder: Path, settings: list[str]) -> str:
    """The command that takes an interrupted run up again."""
    words = ["dressage", "run", str(yaml), "--run-dir", str(folder), "--resume"]
    for setting in settings:
        words += ["--set", setting]
    return shlex.join(words)
