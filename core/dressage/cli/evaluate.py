"""`dressage eval`: measure a base model, or what a run made, without training."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    folder = open_folder(run_dir, f"{target.stem}-eval")
    console = TerminalConsole()
    console.line(f"checked {target}; loading the engine")
    from dressage.run.loop import measure

    following = measure_again(target) if model is not None else shlex.join(["dressage", "run", str(target)])
    finish(lambda: measure(plan, folder, console, model=model), folder, following)


def _plan(target: Path, settings: Sequence[str]) -> tuple[Plan, Path | None]:
    """The plan, and the folder of the trained adapter where the target is a run."""
    from dressage.host import check, discover

    if not target.is_dir():
        return check(target, discover(), overrides=settings), None
    config, model = target / "config.yaml", target / "model"
    if not config.is_file():
        raise UsageError(f"{target}: no config.yaml in it, so it is no run folder")
    if not model.is_dir():
        raise UsageError(f"{target}: the run has no model/ yet; let it finish (dressage run ... --resume)")
    origin = _origin(target)
    with tempfile.TemporaryDirectory() as scratch:
        # The run folder keeps the YAML with paths as its author's folder saw them, so they are made whole first.
        whole = Path(scratch) / config.name
        _write(whole, _absolute(_read(config), origin))
        plan = check(whole, discover(), overrides=settings)
    return replace(plan, file=config, folder=origin), model


def _origin(run: Path) -> Path:
    """The folder of the YAML that the run was made from; where the run does not say, the current one."""
    from dressage.run.report.folder import read_run

    folder = Path(str(read_run(run).environment.get("folder") or "."))
    return folder if folder.is_dir() else Path()


def _absolute(config: dict[str, Any], origin: Path) -> dict[str, Any]:
    """The YAML's values with every path of the host's own keys made absolute where it exists."""
    names = set(config.get("data") or {})

    def whole(text: str) -> str:
        return str((origin / text).resolve()) if text and (origin / text).exists() else text

    def spec(value: Any) -> Any:
        if isinstance(value, list):
            return [spec(one) for one in value]
        if isinstance(value, dict):
            return {k: whole(v) if k == "path" and isinstance(v, str) else v for k, v in value.items()}
        return whole(value) if isinstance(value, str) and value not in names else value

    model = dict(config.get("model") or {})
    if isinstance(model.get("base"), str):
        model["base"] = whole(model["base"])
    evaluation = dict(config.get("evaluate") or {})
    evaluation["sets"] = _each(evaluation.get("sets"), spec)
    stages = [
        {key: spec(value) if key in ("data", "prompts") else value for key, value in stage.items()}
        if isinstance(stage, dict)
        else stage
        for stage in config.get("stages") or ()
    ]
    data = {k: v if k == "bad_rows" else spec(v) for k, v in (config.get("data") or {}).items()}
    return {**config, "model": model, "data": data, "evaluate": evaluation, "stages": stages}


def _each(values: dict[str, Any] | None, change: Callable[[Any], Any]) -> dict[str, Any]:
    return {key: change(value) for key, value in (values or {}).items()}


def _read(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        value = YAML(typ="safe", pure=True).load(path)
    except YAMLError as error:
        raise UsageError(f"{path}: not valid YAML ({error}); was it edited?") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}: holds no settings; was it edited?")
    return value


def _write(path: Path, value: dict[str, Any]) -> None:
    from ruamel.yaml import YAML

    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(value, file)
