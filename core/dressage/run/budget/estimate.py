"""From a checked plan to its budget, and from a budget that does not fit to the settings that do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from dressage.run.base import locate
from dressage.run.budget import lengths
from dressage.run.budget.advice import fitting
from dressage.run.budget.classifiers import classifiers
from dressage.run.budget.machine import imagined, this_machine
from dressage.run.budget.phases import phases
from dressage.run.budget.shapes import Shapes, shapes_of
from dressage.run.budget.table import Budget, shown
from dressage.run.budget.work import Traits, Work
from dressage.run.build import Workshop, guard
from dressage.run.gguf import dequantised, made_before
from dressage.spec.components import FittedReward
from dressage.spec.console import Quiet
from dressage.spec.errors import MachineError
from dressage.spec.plan import Plan


def prepare(
    plan: Plan, *, cache: Path, memory: float | None = None, convert: bool = False
) -> tuple[Work, tuple[str, ...]]:
    """What a budget is made from, and notes on what had to be guessed; `memory`: plan for a device of so many GB.

    No weight is read, unless `convert` makes of a GGUF file the folder that the run will need. Raises `ModelError`,
    `DataError` and `MachineError` as the run would.
    """
    machine = this_machine(plan.model) if memory is None else imagined(plan.model, memory)
    with closing(Workshop(plan.folder, cache, "cpu", plan.seed, Quiet())) as workshop:
        source = workshop.make(plan.base).path() if plan.base is not None else None
        place = _place(locate(plan.model.base, source, plan.folder), cache, convert=convert)
        extra: dict[str, Any] = {"revision": plan.model.revision, "trust_remote_code": plan.model.trust_remote_code}
        shapes = shapes_of(place, **extra)
        encoder = lengths.encoder_of(place, shapes, **extra)
        found = lengths.measure(plan, workshop, encoder)
        fitted = dict(_fitted(plan, workshop))
        traits = {stage.name: _traits(workshop.make(stage.component)) for stage in plan.stages}
    bases = {key: _own_shapes(reward.base, plan, shapes) for key, reward in fitted.items()}
    valued = [stage for stage in plan.stages if traits[stage.name].values]
    own = ((stage.name, _own_shapes(stage.value.base, plan, shapes)) for stage in valued)
    critics = {name: found for name, found in own if found is not None}
    bilinear = frozenset(key for key, reward in fitted.items() if reward.head == "bilinear")
    work = Work(plan, shapes, machine, found, traits, bases, critics, bilinear, classifiers(plan))
    return replace(work, machine=replace(machine, process=max(machine.process, _now(machine.process)))), _notes(
        work, isinstance(encoder, lengths.Guess)
    )


def estimate(plan: Plan, *, cache: Path, memory: float | None = None) -> Budget:
    """The budget of a run, before anything of it is loaded."""
    work, notes = prepare(plan, cache=cache, memory=memory)
    return budget_of(work, notes)


def budget_of(work: Work, notes: tuple[str, ...] = ()) -> Budget:
    """The budget of prepared work."""
    model, shapes = work.plan.model, work.shapes
    return Budget(model.base, shapes.architecture, shapes.parameters, model.quantize, work.machine, phases(work), notes)


def refuse(work: Work) -> None:
    """Raises `MachineError` where the run cannot fit, saying which settings make it fit."""
    budget = budget_of(work)
    if not budget.over:
        return
    machine = budget.machine
    on_device = machine.device_room is not None and budget.peak > machine.device_room
    need, room = (budget.peak, machine.device_room) if on_device else (budget.host_peak, machine.host_room)
    phase = budget.largest if on_device else max(budget.phases, key=budget.host)
    where = machine.device if on_device else "the host"
    raise MachineError(
        f"memory: the run needs {shown(need)} ({phase.name}), but {where} has {shown(room)}; {_advice(work)}"
    )


def _place(place: str, cache: Path, *, convert: bool) -> str:
    """Of a GGUF file the folder that was made of it: reading the file itself takes many seconds."""
    path = Path(place)
    if not path.is_file():
        return place
    return str(dequantised(path, cache) if convert else made_before(path, cache) or path)


def _advice(work: Work) -> str:
    ways = fitting(work, budget_of)
    if not ways:
        return "no setting that was tried makes it fit: take a smaller base, or a larger machine"
    told = [" ".join(f"--set {s}" for s in way.settings) + f" ({shown(way.peak)})" for way in ways]
    return "it fits with " + ", or ".join(told)


def _fitted(plan: Plan, workshop: Workshop) -> Iterator[tuple[str, FittedReward[Any]]]:
    """The fitted rewards by STAGE:REWARD."""
    for stage in plan.stages:
        for reward in stage.rewards:
            with guard(reward.component, "be loaded"):
                kind = reward.component.entry.load()
            if issubclass(kind, FittedReward):
                yield f"{stage.name}:{reward.component.name}", workshop.make(reward.component)


def _own_shapes(base: str | None, plan: Plan, shapes: Shapes) -> Shapes | None:
    """Of a base of its own, which may be the run's once more; None where a role lives on the run's."""
    if base is None or base == plan.model.base:
        return None if base is None else shapes
    return shapes_of(locate(base, None, plan.folder))


def _traits(optimizer: Any) -> Traits:
    return Traits(
        values=bool(getattr(optimizer, "uses_values", False)),
        entropy_gradient=bool(getattr(optimizer, "uses_entropy", False)),
        reference=bool(getattr(optimizer, "needs_reference", False)),
    )


def _now(before: int) -> int:
    """Bytes of this process once everything that a run imports is there."""
    import peft  # noqa: F401

    from dressage.run.budget.machine import resident_bytes

    return max(before, resident_bytes())


def _notes(work: Work, guessed: bool) -> tuple[str, ...]:
    found = []
    if guessed:
        found.append("there is no tokenizer beside the model: a token is taken to be four bytes of text")
    unknown = sorted(key.partition(":")[2] for key, size in work.classifiers.items() if size is None)
    if unknown:
        found.append(f"not counted, its size is not known before it is loaded: the model of {', '.join(unknown)}")
    if work.machine.imagined:
        found.append("planned for a machine that is not this one (--memory)")
    if work.machine.context:
        found.append("the driver's share of the device is an allowance of 0.5 GB")
    return tuple(found)
