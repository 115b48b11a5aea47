"""`dressage eval`: measure a base model, or what a run made, without training."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dressage.cli.arguments import Device, RunDir, Seed, Settings, overrides
from dressage.spec.errors import UsageError

if TYPE_CHECKING:
    from dressage.spec.plan import Plan


def evaluate(
    target: Annotated[
        Path, typer.Argument(metavar="YAML_OR_RUN", help="A YAML file (its base model), or a run folder.")
    ],
    run_dir: RunDir = None,
    settings: Settings = None,
    seed: Seed = None,
    device: Device = None,
) -> None:
    """Measure a YAML's base model, or what a run made.

    \b
    Example:
      dressage eval runs/first --set evaluate.samples=8
    """
    from dressage.cli.console import TerminalConsole
    from dressage.cli.folder import open_folder
    from dressage.cli.run import finish, measure_again

    plan, model = _plan(target, overrides(settings, seed, device))
    if not plan.evaluate.measures:
        raise UsageError(f"{target}: nothing to measure; name measures under `evaluate:`")
    if run_dir is None and model is not None:
        run_dir = open_folder(None, f"{target.resolve().name}-eval")
    folder = open_folder(run_dir, f"{target.stem}-eval", yaml=target)
    console = TerminalConsole()
    console.line(f"checked {target}; loading the engine")
    from dressage.run.loop import measure

    following = measure_again(target) if model is not None else shlex.join(["dressage", "run", str(target)])
    finish(lambda: measure(plan, folder, console, model=model), folder, following)


def _plan(target: Path, settings: Sequence[str]) -> tuple[Plan, Path | None]:
    """The plan, and the folder of the trained adapter where the target is a run."""
    from dressage.host import check, check_document, discover
    from dressage.host.document import read_document

    if not target.is_dir():
        return check(target, discover(), overrides=settings), None
    config, model = target / "config.yaml", target / "model"
    if not config.is_file():
        raise UsageError(f"{target}: no config.yaml in it, so it is no run folder")
    if not model.is_dir():
        raise UsageError(f"{target}: the run has no model/ yet; let it finish (dressage run ... --resume)")
    # the run folder keeps the YAML with paths as its author's folder saw them
    document = read_document(config, folder=_origin(target))
    return check_document(document, discover(), overrides=settings), model


def _origin(run: Path) -> Path:
    """The folder of the YAML that the run was made from; where the run does not say, the current one."""
    from dressage.run.report.folder import read_run

    folder = Path(str(read_run(run).environment.get("folder") or "."))
    return folder if folder.is_dir() else Path()
