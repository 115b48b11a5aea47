"""The YAML's host keys that are not in a section of their own: one model for each kind of component."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dressage.spec.sections import (
    ConstraintConfig,
    KLConfig,
    LimitConfig,
    Positive,
    RolloutConfig,
    Section,
    SelectConfig,
    Strength,
    UpdateConfig,
    ValueConfig,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""What `as:`, a data key and a set may be called: they are parts of dotted paths and of file names."""
_DEVICE = re.compile(r"(cpu|mps|(cuda|xpu)(:\d+)?)")


def _run_device(name: str) -> str:
    if name != "auto" and not _DEVICE.fullmatch(name):
        raise ValueError(f"must be auto, cpu, cuda, cuda:N, xpu or mps, not {name!r}")
    return name


def _reward_device(name: str) -> str:
    if name != "swap" and not _DEVICE.fullmatch(name):
        raise ValueError(f"must be cpu, cuda, cuda:N, xpu, mps or swap, not {name!r}")
    return name


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        raise ValueError(f"must be [low, high] with low below high, not [{bounds[0]:g}, {bounds[1]:g}]")
    return bounds


def _many(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


def _columns(value: Any) -> Any:
    return {key: _many(one) for key, one in value.items()} if isinstance(value, Mapping) else value


RunDevice = Annotated[str, AfterValidator(_run_device)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Plain = str | int | float | bool | None
Columns = Annotated[Mapping[str, tuple[Plain, ...]], BeforeValidator(_columns)]
Names = Annotated[tuple[str, ...], BeforeValidator(_many)]


class Bound(LimitConfig):
    """A limit that says something."""

    @model_validator(mode="after")
    def _check(self) -> Bound:
        given = [one for one in (self.min, self.max) if one is not None]
        if not given:
            raise ValueError("needs max or min")
        if not all(isfinite(one) for one in given):
            raise ValueError("max and min must be finite numbers")
        if given != sorted(given):
            raise ValueError(f"min ({self.min:g}) is above max ({self.max:g})")
        return self


class Constraint(ConstraintConfig, Bound):
    """A limit that says something, with its multiplier's keys."""


class RewardKeys(Section):
    """What the host does with a reward's scores."""

    weight: Strength = 1.0
    limit: Constraint | None = None
    when: Columns = {}
    device: Annotated[str, AfterValidator(_reward_device)] | None = None
    batch_size: Positive = 32
    bounds: Annotated[tuple[Finite, Finite], AfterValidator(_rising)] | None = None
    normalize: Literal["none", "whiten", "running"] = "none"
    update: UpdateConfig | None = None
    epochs: Positive = 1


class Value(ValueConfig):
    """A value function whose parts go together."""

    @model_validator(mode="after")
    def _check(self) -> Value:
        if self.role == "model" and self.base is None:
            raise ValueError("role: model needs a base; with role: adapter it shares the run's")
        if self.role != "model" and self.base is not None:
            raise ValueError(f"base has no effect with role: {self.role}; write role: model")
        if self.role != "head" and self.fit == "ridge":
            raise ValueError(f"fit: ridge solves a head alone; role: {self.role} learns by the gradient")
        return self


class StageKeys(Section):
    """What the core's loop does in a stage."""

    iterations: Positive = 20
    epochs: Positive = 1
    rollout: RolloutConfig = RolloutConfig()
    update: UpdateConfig = UpdateConfig()
    kl: KLConfig = KLConfig()
    value: Value = Value()
    select: SelectConfig | None = None
    max_without_opinion: Annotated[float, Field(ge=0, le=1)] = 0.5


class OnKeys(Section):
    """What a filter or a measure applies to."""

    on: Names | None = None


class DataKeys(Section):
    """What is kept of a data set's rows."""

    where: Columns = {}
    sample: Positive | None = None


class NoKeys(Section):
    """For components that the host asks nothing about: observers, and those inside options."""
