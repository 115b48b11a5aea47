"""Prints the memory budget of a run, for `dressage run --dry-run` and `dressage doctor YAML`."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dressage.spec.cache import cache_folder
from dressage.spec.plan import Plan

if TYPE_CHECKING:
    from dressage.run.budget import Budget, Phase


def show_budget(plan: Plan, *, memory: float | None, json: bool, beside: Mapping[str, Any] | None = None) -> None:
    """Prints what the run needs by role and phase, then raises `MachineError` where it does not fit.

    `beside`: values that stand beside the budget in the JSON; `memory`: plan for a device of so many GB.
    """
    from dressage.run.budget import budget_of, prepare, refuse  # torch: only now

    work, notes = prepare(plan, cache=cache_folder(), memory=memory)
    budget = budget_of(work, notes)
    if json:
        found = {**(beside or {}), "budget": budget.as_dict()} if beside is not None else budget.as_dict()
        typer.echo(json_module.dumps(found, indent=1, ensure_ascii=False))
    else:
        for line in lines(budget):
            typer.echo(line)
    refuse(work)


def lines(budget: Budget) -> Iterator[str]:
    """The budget as plain lines: each phase with its parts, then the peak beside what there is."""
    from dressage.run.budget import shown

    machine = budget.machine
    number = f"{budget.parameters / 1e9:.2f} G" if budget.parameters >= 10**9 else f"{budget.parameters / 1e6:.1f} M"
    yield f"model    {budget.model}: {budget.architecture}, {number} weights, quantize {budget.quantize}"
    yield f"device   {machine.device}, {machine.dtype}, has {shown(machine.device_room)}"
    width = max(len(f"{p.role}  {p.what}") for phase in budget.phases for p in phase.parts) + 12
    for phase in budget.phases:
        mark = "  the peak" if phase is budget.largest else ""
        yield f"{phase.name:<{width}}{shown(budget.need(phase)):>10}{mark}"
        yield from _parts(budget, phase, width)
    for note in budget.notes:
        yield f"note     {note}"
    yield f"peak     {shown(budget.peak)} ({budget.largest.name}), {machine.device} has {shown(machine.device_room)}"
    if not machine.unified:
        host = max(budget.phases, key=budget.host)
        room = "" if machine.host_room is None else f", which has {shown(machine.host_room)}"
        yield f"beside   {shown(budget.host_peak)} ({host.name}) in the host's own memory{room}"


def _parts(budget: Budget, phase: Phase, width: int) -> Iterator[str]:
    from dressage.run.budget import shown

    machine = budget.machine
    fixed: Sequence[tuple[str, int]] = (("run  the driver", machine.context),)
    if machine.unified:
        fixed = (("run  Python and its libraries", machine.process),)
    for label, size in fixed:
        yield f"  {label:<{width - 2}}{shown(size):>10}"
    for part in phase.parts:
        if part.bytes == 0:
            continue
        place = "" if machine.unified or part.place == "device" else "  on the host"
        label = f"{part.role}  {part.what}"
        yield f"  {label:<{width - 2}}{shown(part.bytes):>10}{place}"


def planned(yaml: Path, settings: Sequence[str]) -> Plan:
    """The checked plan of a YAML file."""
    from dressage.host import check, discover

    return check(yaml, discover(), overrides=settings)
