"""What must hold before the first update: the policy equals itself and its reference."""

from __future__ import annotations

from dressage.spec.errors import TrainingError

TOLERANCE = 1e-4
"""How far ratio and KL may be from 1 and 0 before the first update.

Same states, same microbatches: on a CPU the bits agree in float32, in bfloat16 and on a 4-bit base (measured: 0 in
each); what is allowed is for kernels that add in another order from call to call.
"""


def check(stage: str, ratio: float, distance: float) -> None:
    """Raises `TrainingError` where the most that a probability ratio is off by, or a log-probability, is too much."""
    if ratio > TOLERANCE or distance > TOLERANCE:
        raise TrainingError(
            f"{stage}: before the first update the probability ratio is off by {ratio:.2g} and the"
            f" log-probabilities differ from the reference's by {distance:.2g} (allowed: {TOLERANCE:g}); please report"
        )
