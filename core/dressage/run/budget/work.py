"""All that the budget of a run is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from dressage.run.budget import costs
from dressage.run.budget.lengths import Lengths
from dressage.run.budget.shapes import Shapes
from dressage.run.budget.table import Machine
from dressage.spec.plan import Plan, StagePlan
from dressage.spec.sections import AdapterConfig


@dataclass(frozen=True)
class Traits:
    """What a stage's optimizer asks of the core."""

    values: bool = True
    entropy_gradient: bool = False
    reference: bool = False


@dataclass(frozen=True)
class Work:
    """Plan, shapes, machine, and what was found out about the data and the components."""

    plan: Plan
    shapes: Shapes
    machine: Machine
    lengths: Mapping[str, Lengths]
    traits: Mapping[str, Traits]
    """By stage."""
    bases: Mapping[str, Shapes | None] = field(default_factory=dict)
    """By STAGE:REWARD of each fitted reward: the shapes of a base of its own, None where it lives on the run's."""
    critics: Mapping[str, Shapes] = field(default_factory=dict)
    """By stage, the shapes of the value function's own base."""
    bilinear: frozenset[str] = frozenset()
    """Those that are a head alone, on frozen states."""
    classifiers: Mapping[str, int | None] = field(default_factory=dict)
    """By STAGE:REWARD, or evaluate:MEASURE, of each other one that has a model: its bytes, None where not known."""

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return self.machine.size

    @property
    def adapter(self) -> AdapterConfig:
        """Where adapters are."""
        return self.plan.model.adapter

    @property
    def keeps(self) -> bool:
        """Whether the run's base has frozen layers below the adapters, whose states are kept."""
        return self.keeps_of(self.shapes)

    def keeps_of(self, shapes: Shapes) -> bool:
        """The same of any base."""
        return (self.adapter.layers or shapes.depth) < shapes.depth

    def critic(self, stage: StagePlan) -> Shapes:
        """The shapes of the base that a stage's value function reads."""
        return self.critics.get(stage.name, self.shapes)

    @cached_property
    def adapter_bytes(self) -> int:
        """One role's adapter."""
        return costs.adapter_weights(self.shapes, self.adapter)
