"""A checked run: what the host hands to the engine. Frozen, torch-free, every component's options validated.

What the core's own loop uses is in the sections (`spec/sections.py`); a `Planned` is one named component.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dressage.spec.components import Component
from dressage.spec.errors import Where
from dressage.spec.options import Options
from dressage.spec.sections import (
    CheckpointConfig,
    ConstraintConfig,
    EvaluateSettings,
    KLConfig,
    LimitConfig,
    ModelConfig,
    RolloutConfig,
    SelectConfig,
    UpdateConfig,
    ValueConfig,
)


@dataclass(frozen=True)
class Entry:
    """A component in the catalog."""

    name: str
    kind: str
    distribution: str
    version: str
    options: type[Options]
    load: Callable[[], type[Component[Any]]] = field(repr=False)
    """Imports the class (again: the same)."""
    doc: str = ""
    online: bool | None = None
    """For optimizers: samples itself, or learns from data."""
    needs: str | None = None
    """The `data:` key it learns from."""
    target: str = ""
    """`module:Class`."""


@dataclass(frozen=True)
class Planned:
    """A component as the YAML names it: entry, validated options and place. `name` is unique in its list."""

    name: str
    entry: Entry
    options: Options
    where: Where
    path: str
    """The path in the YAML, as `stages.1.rewards.0`."""

    def __str__(self) -> str:
        return f"{self.entry.kind} {self.name!r} ({self.entry.distribution} {self.entry.version}, {self.where})"


@dataclass(frozen=True)
class DataPlan:
    """Rows to read: files, or a registered data set; then a condition and a seeded part."""

    name: str
    path: Path | None
    source: Planned | None
    where: Where
    match: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Keep rows whose column has one of these values (`where: {kind: harmful}`)."""
    sample: int | None = None


@dataclass(frozen=True)
class FilterPlan:
    """A filter and the data it applies to (`on:`)."""

    component: Planned
    on: tuple[str, ...] = ("demonstrations",)


@dataclass(frozen=True)
class RewardPlan:
    """A reward and what the host does with its scores."""

    component: Planned
    weight: float = 1.0
    limit: ConstraintConfig | None = None
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Ask only about rows whose column has one of these values."""
    device: str | None = None
    """`cpu`, `cuda:0`, ... or `swap` (moved in for scoring, out for the update); the run's device by default."""
    batch_size: int = 32
    bounds: tuple[float, float] | None = None
    """Clip the raw score to [low, high] before anything else."""
    normalize: Literal["none", "whiten", "running"] = "none"
    """`whiten`: to mean 0, variance 1 in the batch; `running`: by moments over the run."""
    update: UpdateConfig | None = None
    """For a fitted reward: how it is trained."""
    epochs: int = 1
    """For a fitted reward: passes over the comparisons."""


@dataclass(frozen=True)
class MixPlan:
    """What is learnt beside the rewards: an offline optimizer with the host's keys."""

    component: Planned
    data: tuple[DataPlan, ...]
    weight: float
    batch: int


@dataclass(frozen=True)
class StagePlan:
    """A stage: an optimizer with the host's keys."""

    component: Planned
    rollout: RolloutConfig
    update: UpdateConfig
    kl: KLConfig
    value: ValueConfig = field(default_factory=ValueConfig)
    iterations: int = 20
    epochs: int = 1
    prompts: tuple[DataPlan, ...] = ()
    """Online: what is asked; `data.prompts` by default."""
    data: tuple[DataPlan, ...] = ()
    """Offline: what is learnt; the optimizer's `needs` key of `data:` by default."""
    rewards: tuple[RewardPlan, ...] = ()
    select: SelectConfig | None = None
    mix: MixPlan | None = None
    max_without_opinion: float = 0.5
    """Share of responses without any reward's opinion above which the run stops."""

    @property
    def name(self) -> str:
        """The stage's unique name."""
        return self.component.name

    @property
    def online(self) -> bool:
        """Whether it samples."""
        return bool(self.component.entry.online)


@dataclass(frozen=True)
class MeasurePlan:
    """An evaluator and the sets it is asked about (`on:`; all by default)."""

    component: Planned
    on: tuple[str, ...]


@dataclass(frozen=True)
class EvaluatePlan:
    """What is measured before, between and after."""

    sets: Mapping[str, tuple[DataPlan, ...]] = field(default_factory=dict)
    measures: tuple[MeasurePlan, ...] = ()
    settings: EvaluateSettings = field(default_factory=EvaluateSettings)


@dataclass(frozen=True)
class GatePlan:
    """A condition on a metric's worst end of the 95 % interval."""

    metric: str
    bound: LimitConfig
    where: Where


@dataclass(frozen=True)
class PluginRecord:
    """An installed plugin, for the record."""

    distribution: str
    version: str
    state: Literal["loaded", "broken", "blocked"] = "loaded"
    error: str = ""
    components: tuple[str, ...] = ()
    """`KIND/NAME` of each."""


@dataclass(frozen=True)
class Plan:
    """A whole run, checked."""

    file: Path
    folder: Path
    """Relative paths start here: the YAML's folder."""
    source: str
    """The YAML as read."""
    resolved: Mapping[str, Any]
    """The YAML with overrides applied and defaults filled in, as plain values."""
    seed: int
    model: ModelConfig
    base: Planned | None
    """The registered model behind `model.base`, if it is one."""
    data: Mapping[str, tuple[DataPlan, ...]]
    bad_rows: Literal["fail", "skip"]
    filters: tuple[FilterPlan, ...]
    stages: tuple[StagePlan, ...]
    evaluate: EvaluatePlan
    gate: tuple[GatePlan, ...] = ()
    observers: tuple[Planned, ...] = ()
    checkpoints: CheckpointConfig = field(default_factory=CheckpointConfig)
    plugins: tuple[PluginRecord, ...] = ()
