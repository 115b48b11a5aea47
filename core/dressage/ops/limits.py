"""Training under a bound: how a Lagrange multiplier moves, and what it makes of the advantages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

LARGEST_STEP = 1.0
"""The most that a multiplier's logarithm moves at once: scores of a large unit must not throw it to 0 or to its end."""


def lagrange_multiplier(multiplier: float, excess: float, *, rate: float, ceiling: float) -> float:
    """The next multiplier of a constraint: its logarithm moves by rate * multiplier * excess, at most by 1.

    multiplier: above 0; excess: the mean cost minus its limit, above 0 where the constraint is violated. The result is
    at most `ceiling`. Dai et al. 2024, "Safe RLHF: safe reinforcement
    learning from human feedback", appendix B.
    """
    step = min(max(rate * multiplier * excess, -LARGEST_STEP), LARGEST_STEP)
    return min(multiplier * math.exp(step), ceiling)


def constrained_advantages(advantages: Tensor, costs: Sequence[tuple[float, Tensor]]) -> Tensor:
    """Advantages under constraints: (A - sum of multiplier_k A_k) / (1 + sum of multiplier_k).

    advantages: of the reward, [B, T]; costs: each constraint's multiplier and the advantages of its cost, [B, T].
    None of them whitened: to scale them apart would change what the multipliers mean. Without costs the result is
    `advantages` to the bit.
    """
    for multiplier, cost in costs:
        advantages = advantages - multiplier * cost
    return advantages / (1.0 + sum(multiplier for multiplier, _ in costs))
