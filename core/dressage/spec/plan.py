"""A checked run: what the host hands to the engine. Frozen, torch-free, every component's options validated.

The pydantic models are the YAML's host keys (what the core's own loop uses); a `Planned` is one named component.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dressage.spec.components import Component
from dressage.spec.errors import Where
from dressage.spec.options import Options


class Section(BaseModel):
    """The base of the YAML's own sections: frozen, unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Positive = Annotated[int, Field(gt=0)]
Strength = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AdapterConfig(Section):
    """The LoRA adapters that are trained (peft)."""

    r: Positive = 16
    """Rank."""
    alpha: Positive | None = None
    """Scale: the update is multiplied by alpha / r. Default: 2 r."""
    layers: Positive | None = None
    """The last K decoder layers get adapters; all by default. Fewer is faster: what lies below is computed once."""
    targets: tuple[str, ...] | None = None
    """Names of linear modules (`q_proj`, ...); all linear modules of the layers by default."""
    gradient_checkpointing: bool = False
    """Keep each layer's input alone for backward and compute the rest again: less memory, slower training."""
    forward: Literal["fast", "peft"] = "fast"
    """Which code computes the adapters: the engine's own path, or peft's (the same numbers, slower)."""


class ModelConfig(Section):
    """The base model and how it is held."""

    base: str
    """A registered name (`smollm2-135m`), a folder, a GGUF file, or a hub id."""
    quantize: Literal["none", "nf4"] = "none"
    """`nf4`: 4-bit weights by bitsandbytes."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:0`, `mps`."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto`: bfloat16 where the machine multiplies it natively, else float32."""
    revision: str | None = None
    """A hub revision (commit or tag)."""
    trust_remote_code: bool = False
    """Run code that a hub repository ships."""
    adapter: AdapterConfig = AdapterConfig()


class RolloutConfig(Section):
    """How an online stage samples."""

    prompts: Positive = 64
    """Prompts an iteration."""
    samples: Positive = 1
    """Replies a prompt."""
    batch: Positive = 64
    """Replies sampled at a time; more are faster, and take more memory."""
    max_new_tokens: Positive = 64
    temperature: Rate = 1.0
    """Divides the logits of sampler, policy and reference alike."""


class UpdateConfig(Section):
    """How a stage updates the adapter."""

    epochs: Positive = 1
    """Passes over each rollout batch (online)."""
    minibatches: Positive = 1
    """Optimizer steps a pass (online)."""
    microbatch: Positive = 16
    """Sequences a forward and backward pass; gradients are accumulated, exactly, to the whole minibatch."""
    batch: Positive = 16
    """Examples an optimizer step (offline)."""
    packing: bool = False
    """Lay a microbatch's sequences end to end in one row, none seeing another, in place of padding them (offline)."""
    learning_rate: Rate = 1e-3
    value_learning_rate: Rate = 1e-2
    """Of the value head (online)."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the steps over which the rate rises from 0."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls to a tenth over the stage."""
    weight_decay: Strength = 0.0
    max_grad_norm: Rate = 1.0
    whiten: bool = True
    """Advantages to mean 0 and variance 1 over the rollout batch."""
    stop_kl: Rate | None = None
    """End an iteration's epochs when the mean KL to the policy before the update passes this (nats a token)."""


class ValueConfig(Section):
    """The value function of an online stage: a linear head on the policy's last hidden states."""

    fit: Literal["ridge", "gradient"] = "ridge"
    """`ridge`: solved in closed form on each batch, for use in the next; `gradient`: by the optimizer's loss."""
    ridge: Rate = 1.0
    """Strength of the ridge penalty, relative to the mean squared feature."""
    detach: bool = True
    """Whether the value loss leaves the adapter alone (`gradient`)."""


class KLConfig(Section):
    """The penalty for leaving the reference: -beta (logp - logp_ref) at each response token."""

    beta: Strength = 0.05
    target: Rate | None = None
    """Adaptive control: steer the mean per-response KL (nats) to this value; None keeps beta fixed."""
    horizon: Rate = 10000.0
    """Responses over which the adaptive controller corrects."""


class MixConfig(Section):
    """An offline optimizer (`use`, `with`, `data`) whose loss is added in each step: PPO-ptx (Ouyang et al. 2022)."""

    weight: Rate = 1.0
    """Of its loss beside the online optimizer's."""
    batch: Positive = 16
    """Its examples an optimizer step."""


class SelectConfig(Section):
    """Evaluate inside a stage, and hand on the best iteration."""

    every: Positive = 2
    """Iterations (online) or epochs (offline) between evaluations."""
    metric: str | dict[str, float]
    """Dotted path MEASURE.SET.METRIC of an `evaluate:` measure, or several with weights whose sum is maximised."""
    mode: Literal["max", "min"] | None = None
    """For a single metric; by default what the metric itself says is better."""


class LimitConfig(Section):
    """A bound that the gate, or a constraint, holds."""

    max: float | None = None
    min: float | None = None


class ConstraintConfig(LimitConfig):
    """A bound on a reward's mean score, held by a Lagrange multiplier that starts at 1."""

    rate: Rate = 0.1
    """Its logarithm moves by rate x multiplier x excess an iteration; for scores of a range R, 0.1 / R is a start."""
    ceiling: Rate = 100.0
    """The multiplier's highest value."""
    window: Positive = 1
    """Iterations, the last, whose replies' mean is compared with the bound."""


class EvaluateSettings(Section):
    """How replies for evaluation are sampled."""

    samples: Positive = 1
    """Replies a prompt."""
    max_new_tokens: Positive | None = None
    """By default that of the last online stage, else 64."""
    temperature: Annotated[float, Field(ge=0)] | None = None
    """By default that of the last online stage, else 1; 0 is greedy."""
    resamples: Positive = 1000
    """Bootstrap resamples for the 95 % intervals."""


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
    plugins: tuple[PluginRecord, ...] = ()
