"""`dressage check`: whether a YAML can run, without running it."""

from __future__ import annotations

import typer

from dressage.cli.arguments import AsJson, Device, Seed, Settings, Yaml, overrides


def check(
    yaml: Yaml, settings: Settings = None, seed: Seed = None, device: Device = None, json: AsJson = False
) -> None:
    """Check a YAML without running it, and print what it would do.

    \b
    Example:
      dressage check quickstart.yaml --set stages.1.iterations=10
    """
    from dressage.host import check as check_yaml
    from dressage.host import discover

    plan = check_yaml(yaml, discover(), overrides=overrides(settings, seed, device))
    if json:
        from json import dumps

        typer.echo(dumps(plan.resolved, indent=1, ensure_ascii=False))
        return
    typer.echo(f"{yaml}: ok")
    typer.echo(f"model:    {plan.model.base}")
    for row in plan.filters:
        typer.echo(f"filter:   {row.component.name} on {', '.join(row.on)}")
    for stage in plan.stages:
        length = f"{stage.iterations} iterations" if stage.online else f"{stage.epochs} epochs"
        rewards = ", ".join(reward.component.name for reward in stage.rewards)
        mixed = f"; mixed with {stage.mix.component.entry.name}" if stage.mix is not None else ""
        typer.echo(f"stage:    {stage.name} ({length}{'; rewards: ' + rewards if rewards else ''}{mixed})")
    for measure in plan.evaluate.measures:
        typer.echo(f"measure:  {measure.component.name} on {', '.join(measure.on)}")
    for condition in plan.gate:
        bound = ", ".join(f"{side} {value}" for side, value in condition.bound if value is not None)
        typer.echo(f"gate:     {condition.metric}: {bound}")
    typer.echo(f"next:     dressage run {yaml}")
