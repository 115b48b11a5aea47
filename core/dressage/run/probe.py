"""What must hold before the first update: the policy equals itself and its reference."""

from __future__ import annotations

import torch

from dressage.spec.errors import TrainingError

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 1e-4, torch.float16: 1e-4}
"""How far ratio and KL may be from 1 and 0 before the first update.

Same states, same microbatches: on a CPU the bits agree in float32, in bfloat16 and on a 4-bit base (measured: 0 in
each); what is allowed is for kernels that add in another order from call to call.
"""


def check(stage: str, ratio: float, distance: float, dtype: torch.dtype) -> None:
    """Raises `TrainingError` where the most that a probability ratio is off by, or a log-probability, is too much."""
    bound = TOLERANCE[dtype]
    if ratio > bound or distance > bound:
        raise TrainingError(
            f"{stage}: before the first update the probability ratio is off by {ratio:.2g} and the"
            f" log-probabilities differ from the reference's by {distance:.2g} (allowed: {bound:g}); please report"
        )
