"""Limits: the mean score of each limited source, and the multipliers that hold it within its bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from dressage import ops
from dressage.run.scoring import Column, Scores, Source
from dressage.spec.sections import ConstraintConfig

SIGNS = {"max": 1.0, "min": -1.0}
"""What turns a score into a cost: more is worse where the bound is a `max`."""


class Limit:
    """A source's limit: the latest iterations' scores, and a multiplier for each bound."""

    def __init__(self, source: Source, config: ConstraintConfig) -> None:
        self.source = source
        self.config = config
        self.bounds = {key: bound for key in SIGNS if (bound := getattr(config, key)) is not None}
        self.multipliers = dict.fromkeys(self.bounds, 1.0)
        self.recent: list[tuple[float, int]] = []
        """Per iteration, the sum of its scores and their number."""

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    def observe(self, column: Column) -> dict[str, float]:
        """Moves the multipliers by a batch's scores, where there are any; the numbers to log."""
        known = [value for value in column.bounded if value is not None]
        found = {}
        if known:
            self.recent = [*self.recent, (sum(known), len(known))][-self.config.window :]
            mean = sum(part for part, _ in self.recent) / sum(count for _, count in self.recent)
            found[f"limit.{self.name}.mean"] = sum(known) / len(known)
            for key, bound in self.bounds.items():
                excess = SIGNS[key] * (mean - bound)
                found[f"limit.{self.name}.{key}.violation"] = excess
                self.multipliers[key] = ops.lagrange_multiplier(
                    self.multipliers[key], excess, rate=self.config.rate, ceiling=self.config.ceiling
                )
        for key, multiplier in self.multipliers.items():
            found[f"limit.{self.name}.{key}.multiplier"] = multiplier
        return found


class Limits:
    """All limits of a stage, in the order of its rewards. An optimizer sees none of this."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.limits = [Limit(s, s.plan.limit) for s in sources if s.plan.limit is not None]

    @property
    def names(self) -> tuple[str, ...]:
        """The limited sources."""
        return tuple(limit.name for limit in self.limits)

    def observe(self, scores: Scores) -> dict[str, float]:
        """Moves all multipliers by a batch's scores; the numbers to log."""
        return {name: x for one in self.limits for name, x in one.observe(scores.columns[one.name]).items()}

    def combine(self, total: Tensor, costs: Sequence[Tensor]) -> Tensor:
        """The total's raw advantages and those of each limited source's scores as the advantages to train on."""
        held = zip(self.limits, costs, strict=True)
        parts = [(one.multipliers[key], SIGNS[key] * cost) for one, cost in held for key in one.bounds]
        return ops.constrained_advantages(total, parts)

    def state_dict(self) -> dict[str, Any]:
        """Multipliers and the scores of the window."""
        return {one.name: {"multipliers": one.multipliers, "recent": one.recent} for one in self.limits}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes them back."""
        for one in self.limits:
            one.multipliers = {key: float(x) for key, x in state[one.name]["multipliers"].items()}
            one.recent = [(float(total), int(count)) for total, count in state[one.name]["recent"]]
