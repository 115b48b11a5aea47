"""The YAML's sections of settings: one model each, checked by pydantic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


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
    """Sequences a pass with gradient, were all the longest; in as many tokens shorter ones come more at a time."""
    batch: Positive = 16
    """Examples an optimizer step (offline)."""
    packing: bool = False
    """Lay a microbatch's sequences end to end in one row, none seeing another, in place of padding them (offline)."""
    learning_rate: Rate = 1e-3
    value_learning_rate: Rate = 1e-2
    """Of the value head (online); an adapter of its values' own has `learning_rate`."""
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
    """The value function of an online stage: a linear head on the last hidden states of the policy or of its own."""

    role: Literal["head", "adapter", "model"] = "head"
    """Whose states it reads: the policy's, those of an adapter of its own on the shared base, or of its own `base`."""
    base: str | None = None
    """The base model of `role: model`, with the policy's tokenizer: the run's own once more, a folder or a hub id."""
    fit: Literal["ridge", "gradient"] | None = None
    """`ridge`: solved in closed form on each batch, for use in the next (a head's default); `gradient`: by the
    optimizer's loss (the only way for what has an adapter)."""
    ridge: Rate = 1.0
    """Strength of the ridge penalty, relative to the mean squared feature."""
    detach: bool = True
    """Whether the value loss leaves the policy's adapter alone (a head by `gradient`)."""

    @property
    def solved(self) -> bool:
        """Whether it is solved and not trained."""
        return self.role == "head" and self.fit != "gradient"


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


class CheckpointConfig(Section):
    """When a run is saved, and how many of its checkpoints stay; each has the best weights of `select:` in it."""

    keep: Annotated[int, Field(ge=2)] = 2
    """The newest so many stay: one, and at least one before it in case it is damaged."""
    iterations: Positive = 5
    """Iterations of an online stage between checkpoints."""
    seconds: Strength = 120.0
    """Seconds of an offline stage between checkpoints; one is also written at each epoch's end."""


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
