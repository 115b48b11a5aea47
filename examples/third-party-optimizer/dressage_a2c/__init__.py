"""Advantage actor-critic: registration and options; torch is imported when a run uses it."""

from typing import Annotated

from dressage import Options, hookimpl
from pydantic import Field


class A2COptions(Options):
    """The numbers that A2C alone knows."""

    gamma: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Discount a token."""
    lam: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Lambda of GAE; 1 is the plain advantage of A2C: the rest of the rewards minus the value."""
    value_coefficient: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the value loss (half a squared error) beside the policy loss."""
    entropy_coefficient: Annotated[float, Field(ge=0)] = 0.01
    """Weight of the entropy bonus, in nats a token."""


@hookimpl
def register_optimizers(register):
    """Registers `a2c`, lazily."""
    register(
        "a2c",
        "dressage_a2c.optimizer:A2C",
        options=A2COptions,
        kind="online",
        doc="Advantage actor-critic with an entropy bonus",
    )
